#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

namespace receiver::json {

/// Memory that is wiped before it is given back.
struct WipingAllocator {
  // NOLINTBEGIN(readability-identifier-naming): RapidJSON calls them so.
  static const bool kNeedFree = true;
  void* Malloc(std::size_t size);
  void* Realloc(void* block, std::size_t old_size, std::size_t size);
  static void Free(void* block);
  // NOLINTEND(readability-identifier-naming)
};

/// A document whose parsing leaves nothing behind: a Secret's value may pass through it.
using Document = rapidjson::GenericDocument<rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<>,
                                            WipingAllocator>;

/// Overwrites the strings of a document that is as it was parsed, which then holds no more than its
/// shape.
void wipe(Document& parsed);

/// Which members of a document are kept when it is parsed; everything else is skipped by the parser
/// and never built. Paths are JSON pointers in which `*` is any array element or any member:
/// "/metadata/name",
/// "/metadata/annotations/kargo.akuity.io~1refresh", "/spec/subscriptions/*/git/repoURL". A path
/// keeps the whole value below it.
class Projection {
 public:
  Projection(std::initializer_list<std::string_view> paths);
  /// Keeps everything.
  [[nodiscard]] static Projection all();
  /// Keeps these as well.
  [[nodiscard]] Projection with(std::initializer_list<std::string_view> paths) const;
  /// The same of what is at `pointer` of a larger document.
  [[nodiscard]] Projection under(std::string_view pointer) const;

  struct Node;
  [[nodiscard]] const Node& root() const { return *root_; }

 private:
  explicit Projection(Node root);
  std::shared_ptr<const Node> root_;
};

/// Nesting beyond this is an error, not a stack overflow.
inline constexpr int kMaxDepth = 100;

/// Parses `json` (UTF-8), keeping what `projection` names. The error says what is wrong and at
/// which byte. Of what is skipped only quotes and brackets are looked at: nothing that is not used,
/// such as a number beyond all bounds or half a surrogate pair, makes a document unreadable.
[[nodiscard]] tl::expected<Document, std::string> parse(std::string_view json,
                                                        const Projection& projection);
[[nodiscard]] tl::expected<Document, std::string> parse(std::string_view json);

/// The value at a JSON pointer of members ("" is the value itself), or null. Of members with one
/// name the first counts. Never throws, whatever the types on the way.
[[nodiscard]] const rapidjson::Value* find(const rapidjson::Value& value, std::string_view pointer);
/// The string at the path; empty if there is none or it is of another type.
[[nodiscard]] std::string_view string_at(const rapidjson::Value& value, std::string_view pointer);
/// The integer at the path; nothing if there is none, or it has a fraction, an exponent or more
/// than 64 bits.
[[nodiscard]] std::optional<std::int64_t> int_at(const rapidjson::Value& value,
                                                 std::string_view pointer);
/// True if `true` is at the path.
[[nodiscard]] bool bool_at(const rapidjson::Value& value, std::string_view pointer);

/// Compact text of a value.
[[nodiscard]] std::string to_text(const rapidjson::Value& value);
/// A string as a JSON literal, with its quotes.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace receiver::json
