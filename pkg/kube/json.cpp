#include "kube/json.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace receiver::kube {

/// A place of the document: which of its members are kept.
struct Projection::Node {
  bool whole = false;  ///< everything below
  std::vector<std::string> names;
  std::vector<Node> children;  ///< of `names`, in their order

  [[nodiscard]] const Node* named(std::string_view name) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return &children[i];
    }
    return nullptr;
  }

  /// Of a member, or null if it is skipped.
  [[nodiscard]] const Node* member(std::string_view name) const {
    if (whole) return this;
    if (const Node* node = named(name)) return node;
    return element();
  }

  /// Of an array's elements, or null if they are skipped.
  [[nodiscard]] const Node* element() const { return whole ? this : named("*"); }

  Node& make(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return children[i];
    }
    names.emplace_back(name);
    return children.emplace_back();
  }

  void merge(const Node& other) {
    whole = whole || other.whole;
    for (std::size_t i = 0; i < other.names.size(); ++i) {
      make(other.names[i]).merge(other.children[i]);
    }
  }

  /// What holds for any member holds for the named ones too: afterwards one look-up is enough.
  void spread_wildcards() {
    if (const Node* found = named("*")) {
      const Node any = *found;
      for (Node& child : children) child.merge(any);
    }
    for (Node& child : children) child.spread_wildcards();
  }
};

namespace {

/// Takes the first step off a JSON pointer that is not empty.
std::string take_step(std::string_view& pointer) {
  pointer.remove_prefix(1);
  const std::string_view raw = pointer.substr(0, pointer.find('/'));
  pointer.remove_prefix(raw.size());
  std::string step;
  step.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escaped =
        raw[i] == '~' && i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1');
    step.push_back(!escaped ? raw[i] : raw[++i] == '0' ? '~' : '/');
  }
  return step;
}

void add_path(Projection::Node& root, std::string_view path) {
  if (!path.empty() && path.front() != '/') {
    throw std::invalid_argument(fmt::format("projection: \"{}\" does not begin with /", path));
  }
  Projection::Node* node = &root;
  while (!path.empty()) node = &node->make(take_step(path));
  node->whole = true;
}

/// RapidJSON's SAX handler (hence its names): passes on to the document what the projection keeps.
class Projector {
 public:
  Projector(const Projection::Node& root, rapidjson::Document& out) : next_(&root), out_(out) {
    open_.reserve(16);
  }

  [[nodiscard]] bool too_deep() const { return too_deep_; }

  // NOLINTBEGIN(readability-identifier-naming): RapidJSON calls them so.
  bool Null() { return !begin_value() || out_.Null(); }
  bool Bool(bool value) { return !begin_value() || out_.Bool(value); }
  bool Int(int value) { return !begin_value() || out_.Int(value); }
  bool Uint(unsigned value) { return !begin_value() || out_.Uint(value); }
  bool Int64(std::int64_t value) { return !begin_value() || out_.Int64(value); }
  bool Uint64(std::uint64_t value) { return !begin_value() || out_.Uint64(value); }
  bool Double(double value) { return !begin_value() || out_.Double(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool copy) {
    return String(text, size, copy);
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    return !begin_value() || out_.String(text, size, true);
  }
  bool StartObject() { return deeper() && (!begin_container(false) || out_.StartObject()); }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (skipped_ > 0) return true;
    next_ = open_.back().node->member({text, size});
    return next_ == nullptr || out_.Key(text, size, true);
  }
  bool EndObject(rapidjson::SizeType /*members*/) {
    const auto kept = end_container();
    return !kept || out_.EndObject(*kept);
  }
  bool StartArray() { return deeper() && (!begin_container(true) || out_.StartArray()); }
  bool EndArray(rapidjson::SizeType /*elements*/) {
    const auto kept = end_container();
    return !kept || out_.EndArray(*kept);
  }
  // NOLINTEND(readability-identifier-naming)

 private:
  struct Container {
    const Projection::Node* node;
    rapidjson::SizeType kept;
    bool array;
  };

  /// Whether the value that begins is kept; then it is counted in its container.
  bool begin_value() {
    if (skipped_ > 0) return false;
    if (open_.empty()) return true;
    Container& parent = open_.back();
    if (parent.array) next_ = parent.node->element();
    if (next_ == nullptr) return false;
    ++parent.kept;
    return true;
  }

  bool deeper() {
    too_deep_ = open_.size() + skipped_ >= static_cast<std::size_t>(kMaxJsonDepth);
    return !too_deep_;
  }

  bool begin_container(bool array) {
    if (!begin_value()) {
      ++skipped_;
      return false;
    }
    open_.push_back({next_, 0, array});
    return true;
  }

  /// How many of its values are kept, if it is kept itself.
  std::optional<rapidjson::SizeType> end_container() {
    if (skipped_ > 0) {
      --skipped_;
      return std::nullopt;
    }
    const rapidjson::SizeType kept = open_.back().kept;
    open_.pop_back();
    return kept;
  }

  const Projection::Node* next_;  ///< of the value that follows; null: skipped
  rapidjson::Document& out_;
  std::vector<Container> open_;  ///< those kept
  std::size_t skipped_ = 0;      ///< depth below the last of them
  bool too_deep_ = false;
};

}  // namespace

Projection::Projection(Node root) {
  root.spread_wildcards();
  root_ = std::make_shared<const Node>(std::move(root));
}

Projection::Projection(std::initializer_list<std::string_view> paths)
    : Projection(Projection(Node{}).with(paths)) {}

Projection Projection::all() {
  return {""};
}

Projection Projection::with(std::initializer_list<std::string_view> paths) const {
  Node root = *root_;
  for (const std::string_view path : paths) add_path(root, path);
  return Projection(std::move(root));
}

tl::expected<rapidjson::Document, std::string> parse_json(std::string_view json,
                                                          const Projection& projection) {
  // Iterative: nesting costs heap, bounded by kMaxJsonDepth, never stack.
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Document document;
  rapidjson::Reader reader;
  bool too_deep = false;
  auto generate = [&](rapidjson::Document& out) {
    Projector projector(projection.root(), out);
    const bool parsed = !reader.Parse<kFlags>(stream, projector).IsError();
    too_deep = projector.too_deep();
    return parsed;
  };
  document.Populate(generate);
  if (too_deep) {
    return tl::unexpected(
        fmt::format("nested deeper than {} at byte {}", kMaxJsonDepth, reader.GetErrorOffset()));
  }
  if (reader.HasParseError()) {
    return tl::unexpected(fmt::format("{} at byte {}",
                                      rapidjson::GetParseError_En(reader.GetParseErrorCode()),
                                      reader.GetErrorOffset()));
  }
  // RapidJSON takes a NUL for the end of its input.
  if (stream.Tell() != json.size()) {
    return tl::unexpected(fmt::format("NUL after the document at byte {}", stream.Tell()));
  }
  return document;
}

tl::expected<rapidjson::Document, std::string> parse_json(std::string_view json) {
  static const Projection kAll = Projection::all();
  return parse_json(json, kAll);
}

const rapidjson::Value* find(const rapidjson::Value& value, std::string_view pointer) {
  const rapidjson::Value* found = &value;
  while (!pointer.empty()) {
    if (pointer.front() != '/' || !found->IsObject()) return nullptr;
    const auto member = found->FindMember(take_step(pointer));
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
  return found != nullptr && found->IsTrue();
}

std::string to_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string quote(std::string_view text) {
  return to_text(rapidjson::Value(
      rapidjson::StringRef(text.data(), static_cast<rapidjson::SizeType>(text.size()))));
}

}  // namespace receiver::kube
