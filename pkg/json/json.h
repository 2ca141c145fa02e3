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

/// An allocator that wipes memory before it frees it.
struct WipingAllocator {
  // NOLINTBEGIN(readability-identifier-naming): RapidJSON calls them so.
  static const bool kNeedFree = true;
  void* Malloc(std::size_t size);
  void* Realloc(void* block, std::size_t old_size, std::size_t size);
  static void Free(void* block);
  // NOLINTEND(readability-identifier-naming)
};

/// A document whose parsing leaves no copies in memory: a Secret's value may pass through it.
using Document = rapidjson::GenericDocument<rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<>,
                                            WipingAllocator>;

/// Overwrites the strings of a freshly parsed document. Only its structure remains.
void wipe(Document& parsed);

/// Which members of a document are kept when it is parsed. The parser skips everything else and
/// never builds it. Paths are JSON pointers in which `*` is any array element or any member:
/// "/metadata/name", "/metadata/annotations/kargo.akuity.io~1refresh",
/// "/spec/subscriptions/*/git/repoURL". A path keeps the whole value below it.
class Projection {
 public:
  Projection(std::initializer_list<std::string_view> paths);
  /// Keeps everything.
  [[nodiscard]] static Projection all();
  /// A projection that keeps these paths as well.
  [[nodiscard]] Projection with(std::initializer_list<std::string_view> paths) const;
  /// The same projection for the value at `pointer` of a larger document.
  [[nodiscard]] Projection under(std::string_view pointer) const;

  struct Node;
  [[nodiscard]] const Node& root() const { return *root_; }

 private:
  explicit Projection(Node root);
  std::shared_ptr<const Node> root_;
};

/// Deeper nesting is an error, not a stack overflow.
inline constexpr int kMaxDepth = 100;

/// Parses `json` (UTF-8), keeping what `projection` names. The error says what is wrong and at
/// which byte. In skipped parts, only quotes and brackets are checked: an unused value, such as a
/// number out of range or half a surrogate pair, never makes a document unreadable.
[[nodiscard]] tl::expected<Document, std::string> parse(std::string_view json,
                                                        const Projection& projection);
[[nodiscard]] tl::expected<Document, std::string> parse(std::string_view json);

/// The value at a JSON pointer of members ("" is the value itself), or null. If a name occurs
/// twice, the first counts. Never throws, whatever the types on the way.
[[nodiscard]] const rapidjson::Value* find(const rapidjson::Value& value, std::string_view pointer);
/// The string at the path; empty if there is none, or it has another type.
[[nodiscard]] std::string_view string_at(const rapidjson::Value& value, std::string_view pointer);
/// The integer at the path; nothing if there is none, or it has a fraction, an exponent or more
/// than 64 bits.
[[nodiscard]] std::optional<std::int64_t> int_at(const rapidjson::Value& value,
                                                 std::string_view pointer);
/// True if `true` is at the path.
[[nodiscard]] bool bool_at(const rapidjson::Value& value, std::string_view pointer);

/// The value as compact text.
[[nodiscard]] std::string to_text(const rapidjson::Value& value);
/// The string as a JSON literal, with its quotes.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace receiver::json
