#include "kube/json.h"

#include <map>
#include <vector>

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace receiver::kube {

/// A step of the paths: `keep` ends one (the whole value below is kept), `any` is the branch of
/// `*`.
struct Projection::Node {
  bool keep = false;
  std::map<std::string, std::shared_ptr<Node>, std::less<>> members;
  std::shared_ptr<Node> any;
};

namespace {

std::string unescape(std::string_view step) {
  std::string text;
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1')) {
      text += step[++i] == '0' ? '~' : '/';
    } else {
      text += step[i];
    }
  }
  return text;
}

/// Builds the kept part of a document in `allocator`. Of what is not named it only counts the
/// nesting.
class ProjectingHandler
    : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ProjectingHandler> {
 public:
  ProjectingHandler(const Projection::Node& root, rapidjson::Document::AllocatorType& allocator)
      : next_(&root), allocator_(allocator) {}

  bool Null() { return scalar(rapidjson::Value()); }
  bool Bool(bool value) { return scalar(rapidjson::Value(value)); }
  bool Int(int value) { return scalar(rapidjson::Value(value)); }
  bool Uint(unsigned value) { return scalar(rapidjson::Value(value)); }
  bool Int64(std::int64_t value) { return scalar(rapidjson::Value(value)); }
  bool Uint64(std::uint64_t value) { return scalar(rapidjson::Value(value)); }
  bool Double(double value) { return scalar(rapidjson::Value(value)); }
  bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    return skipping() || scalar(rapidjson::Value(text, length, allocator_));
  }
  bool StartObject() { return start(rapidjson::kObjectType); }
  bool StartArray() { return start(rapidjson::kArrayType); }
  bool EndObject(rapidjson::SizeType /*members*/) { return end(); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return end(); }
  bool Key(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    if (skipped_depth_ > 0) return true;
    Frame& frame = frames_.back();
    next_ = child(*frame.node, {text, length});
    if (next_ != nullptr) frame.key.SetString(text, length, allocator_);
    return true;
  }

  [[nodiscard]] bool too_deep() const { return too_deep_; }
  [[nodiscard]] rapidjson::Value& result() { return result_; }

 private:
  struct Frame {
    rapidjson::Value value;
    rapidjson::Value key;
    const Projection::Node* node;
  };

  static const Projection::Node* child(const Projection::Node& node, std::string_view key) {
    if (node.keep) return &node;
    const auto found = node.members.find(key);
    return found != node.members.end() ? found->second.get() : node.any.get();
  }

  /// The node that the coming value belongs to, or null if it is not named.
  const Projection::Node* coming() const {
    if (frames_.empty() || frames_.back().value.IsObject()) return next_;
    const Projection::Node& node = *frames_.back().node;
    return node.keep ? &node : node.any.get();
  }

  [[nodiscard]] bool skipping() const {
    if (skipped_depth_ > 0) return true;
    const Projection::Node* node = coming();
    return node == nullptr || !node->keep;
  }

  bool scalar(rapidjson::Value&& value) {
    if (!skipping()) put(std::move(value));
    return true;
  }

  bool start(rapidjson::Type type) {
    if (static_cast<int>(frames_.size()) + skipped_depth_ >= kMaxJsonDepth) {
      too_deep_ = true;
      return false;
    }
    const Projection::Node* node = skipped_depth_ > 0 ? nullptr : coming();
    if (node == nullptr) {
      ++skipped_depth_;
    } else {
      frames_.push_back({rapidjson::Value(type), rapidjson::Value(), node});
    }
    return true;
  }

  bool end() {
    if (skipped_depth_ > 0) {
      --skipped_depth_;
      return true;
    }
    rapidjson::Value value = std::move(frames_.back().value);
    frames_.pop_back();
    put(std::move(value));
    return true;
  }

  void put(rapidjson::Value&& value) {
    if (frames_.empty()) {
      result_ = std::move(value);
    } else if (Frame& frame = frames_.back(); frame.value.IsObject()) {
      frame.value.AddMember(frame.key, value, allocator_);
    } else {
      frame.value.PushBack(value, allocator_);
    }
  }

  const Projection::Node* next_;
  rapidjson::Document::AllocatorType& allocator_;
  std::vector<Frame> frames_;
  int skipped_depth_ = 0;
  bool too_deep_ = false;
  rapidjson::Value result_;
};

}  // namespace

Projection::Projection(std::initializer_list<std::string_view> paths) {
  const auto root = std::make_shared<Node>();
  for (std::string_view path : paths) {
    Node* node = root.get();
    while (!path.empty()) {
      path.remove_prefix(1);
      const std::string_view step = path.substr(0, path.find('/'));
      path.remove_prefix(step.size());
      std::shared_ptr<Node>& next = step == "*" ? node->any : node->members[unescape(step)];
      if (!next) next = std::make_shared<Node>();
      node = next.get();
    }
    node->keep = true;
  }
  root_ = root;
}

Projection Projection::all() {
  return {""};
}

tl::expected<rapidjson::Document, std::string> parse_json(std::string_view json,
                                                          const Projection& projection) {
  rapidjson::Document document;
  ProjectingHandler handler(projection.root(), document.GetAllocator());
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream,
                                                                                           handler);
  if (handler.too_deep()) {
    return tl::unexpected(
        fmt::format("nested deeper than {} levels at byte {}", kMaxJsonDepth, parsed.Offset()));
  }
  if (parsed.IsError()) {
    return tl::unexpected(fmt::format("{} (at byte {})", rapidjson::GetParseError_En(parsed.Code()),
                                      parsed.Offset()));
  }
  static_cast<rapidjson::Value&>(document) = std::move(handler.result());
  return document;
}

tl::expected<rapidjson::Document, std::string> parse_json(std::string_view json) {
  return parse_json(json, Projection::all());
}

const rapidjson::Value* find(const rapidjson::Value& value, std::string_view pointer) {
  const rapidjson::Value* found = &value;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(step.size());
    if (!found->IsObject()) return nullptr;
    const std::string name = unescape(step);
    const auto member = found->FindMember(name);
    if (member == found->MemberEnd()) return nullptr;
    found = &member->value;
  }
  return found;
}

std::string_view string_at(const rapidjson::Value& value, std::string_view pointer) {
  const rapidjson::Value* found = find(value, pointer);
  if (found == nullptr || !found->IsString()) return {};
  return {found->GetString(), found->GetStringLength()};
}

std::optional<std::int64_t> int_at(const rapidjson::Value& value, std::string_view pointer) {
  const rapidjson::Value* found = find(value, pointer);
  if (found == nullptr || !found->IsInt64()) return std::nullopt;
  return found->GetInt64();
}

bool bool_at(const rapidjson::Value& value, std::string_view pointer) {
  const rapidjson::Value* found = find(value, pointer);
  return found != nullptr && found->IsBool() && found->GetBool();
}

std::string to_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string quote(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace receiver::kube
