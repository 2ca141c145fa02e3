#include "json/json.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "crypto/crypto.h"
#include "json/scan.h"

namespace receiver::json {

/// A place in the document, and which of its members are kept.
struct Projection::Node {
  bool whole = false;  ///< keep everything below
  std::vector<std::string> names;
  std::vector<Node> children;  ///< in the order of `names`

  [[nodiscard]] const Node* named(std::string_view name) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return &children[i];
    }
    return nullptr;
  }

  /// The node of a member, or null if the member is skipped.
  [[nodiscard]] const Node* member(std::string_view name) const {
    if (whole) return this;
    if (const Node* node = named(name)) return node;
    return element();
  }

  /// The node of an array's elements, or null if they are skipped.
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

  /// Copies the rules for any member to the named ones, so that one look-up is enough afterwards.
  void spread_wildcards() {
    if (const Node* found = named("*")) {
      const Node any = *found;
      for (Node& child : children) child.merge(any);
    }
    for (Node& child : children) child.spread_wildcards();
  }
};

namespace {

/// Removes and returns the first step of a non-empty JSON pointer.
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

Projection::Node& node_at(Projection::Node& root, std::string_view path) {
  if (!path.empty() && path.front() != '/') {
    throw std::invalid_argument(fmt::format("projection: \"{}\" does not begin with /", path));
  }
  Projection::Node* node = &root;
  while (!path.empty()) node = &node->make(take_step(path));
  return *node;
}

/// Walks the objects and arrays on the way to kept values, lets RapidJSON build the kept values,
/// and skips the rest. Recursion is as deep as the projection's paths, not as the text.
class Walker {
 public:
  Walker(std::string_view text, Document& out) : text_(text), skipper_(text), out_(out) {}

  bool document(const Projection::Node& root) {
    skip_space();
    if (!value(root, 0)) return false;
    skip_space();
    return at_ == text_.size() || fail(at_, "there is text after the end");
  }

  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  bool value(const Projection::Node& node, int depth) {
    const char first = peek();
    if (node.whole || (first != '{' && first != '[')) return build(depth);
    if (depth >= kMaxDepth) return fail(at_, kTooDeep);
    ++at_;
    skip_space();
    return first == '{' ? members(node, depth + 1) : elements(node, depth + 1);
  }

  bool members(const Projection::Node& node, int depth) {
    rapidjson::SizeType kept = 0;
    out_.StartObject();
    if (take('}')) return out_.EndObject(0);
    while (true) {
      std::string buffer;
      std::string_view name;
      if (!move_to(skipper_.take_name(at_, name, buffer))) return false;
      const Projection::Node* member = node.member(name);
      if (member == nullptr) {
        if (!skip(depth)) return false;
      } else {
        out_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()), true);
        if (!value(*member, depth)) return false;
        ++kept;
      }
      skip_space();
      if (take('}')) return out_.EndObject(kept);
      if (!take(',')) return fail(at_, "a comma or } is missing");
      skip_space();
    }
  }

  bool elements(const Projection::Node& node, int depth) {
    const Projection::Node* element = node.element();
    rapidjson::SizeType kept = 0;
    out_.StartArray();
    if (take(']')) return out_.EndArray(0);
    while (true) {
      if (element == nullptr) {
        if (!skip(depth)) return false;
      } else {
        if (!value(*element, depth)) return false;
        ++kept;
      }
      skip_space();
      if (take(']')) return out_.EndArray(kept);
      if (!take(',')) return fail(at_, "a comma or ] is missing");
      skip_space();
    }
  }

  /// RapidJSON may recurse here: the skipper has checked the depth.
  bool build(int depth) {
    const std::size_t begin = at_;
    return skip(depth) && parse(text_.substr(begin, at_ - begin), begin);
  }

  bool skip(int depth) { return move_to(skipper_.skip(at_, depth)); }

  bool move_to(std::size_t end) {
    if (end == std::string_view::npos) return fail(skipper_.problem_at(), skipper_.problem());
    at_ = end;
    return true;
  }

  bool parse(std::string_view value, std::size_t position) {
    rapidjson::MemoryStream stream(value.data(), value.size());
    if (reader_.Parse<rapidjson::kParseValidateEncodingFlag>(stream, out_).IsError()) {
      std::string_view problem = rapidjson::GetParseError_En(reader_.GetParseErrorCode());
      if (problem.ends_with('.')) problem.remove_suffix(1);
      return fail(position + reader_.GetErrorOffset(), problem);
    }
    // RapidJSON treats a NUL as the end of its input.
    return stream.Tell() == value.size() || fail(position + stream.Tell(), "unexpected NUL");
  }

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char expected) {
    if (at_ >= text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }
  void skip_space() { at_ = skipper_.skip_space(at_); }
  bool fail(std::size_t at, std::string_view problem) {
    error_ = fmt::format("{} at byte {}", problem, at);
    return false;
  }

  std::string_view text_;
  Skipper skipper_;
  Document& out_;
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, WipingAllocator> reader_;
  std::size_t at_ = 0;
  std::string error_;
};

}  // namespace

void* WipingAllocator::Malloc(std::size_t size) {
  if (size == 0) return nullptr;
  // The size of the block is stored in front of it.
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): this is what owns
  auto* const block = static_cast<std::max_align_t*>(std::malloc(sizeof(std::max_align_t) + size));
  if (block == nullptr) throw std::bad_alloc();
  *reinterpret_cast<std::size_t*>(block) = size;
  return block + 1;
}

void* WipingAllocator::Realloc(void* block, std::size_t old_size, std::size_t size) {
  void* const moved = Malloc(size);
  if (block != nullptr && moved != nullptr) std::memcpy(moved, block, std::min(old_size, size));
  Free(block);
  return moved;
}

void WipingAllocator::Free(void* block) {
  if (block == nullptr) return;
  auto* const start = static_cast<std::max_align_t*>(block) - 1;
  crypto::wipe(block, *reinterpret_cast<std::size_t*>(start));
  std::free(start);  // NOLINT(cppcoreguidelines-owning-memory): as above
}

namespace {

void wipe_strings(rapidjson::Value& value) {
  if (value.IsString()) {
    // The parser made this copy, and the document owns it.
    crypto::wipe(const_cast<char*>(value.GetString()), value.GetStringLength());
  } else if (value.IsArray()) {
    for (auto& element : value.GetArray()) wipe_strings(element);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) wipe_strings(member.value);
  }
}

}  // namespace

void wipe(Document& parsed) {
  wipe_strings(parsed);
}

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
  for (const std::string_view path : paths) node_at(root, path).whole = true;
  return Projection(std::move(root));
}

Projection Projection::under(std::string_view pointer) const {
  Node root;
  node_at(root, pointer) = *root_;
  return Projection(std::move(root));
}

tl::expected<Document, std::string> parse(std::string_view json, const Projection& projection) {
  Document document;
  Walker walker(json, document);
  auto generate = [&](Document&) { return walker.document(projection.root()); };
  document.Populate(generate);
  if (!walker.error().empty()) return tl::unexpected(walker.error());
  return document;
}

tl::expected<Document, std::string> parse(std::string_view json) {
  static const Projection all = Projection::all();
  return parse(json, all);
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

}  // namespace receiver::json
