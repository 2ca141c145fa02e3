#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

namespace receiver::test {

/// A JSON document for look-ups.
class Json {
 public:
  /// Throws if the text is not JSON.
  explicit Json(std::string_view text);
  /// The string at a JSON pointer ("/metadata/name"), or the JSON text of another value; empty if
  /// there is none.
  [[nodiscard]] std::string at(const std::string& pointer) const;
  /// The member `wanted` of the element of the array at `pointer` whose member `key` is `value`;
  /// empty if there is none.
  [[nodiscard]] std::string of_element(const std::string& pointer, const std::string& key,
                                       std::string_view value, const std::string& wanted) const;
  [[nodiscard]] std::size_t size_at(const std::string& pointer) const;

 private:
  std::shared_ptr<const rapidjson::Document> document_;
};

/// The value of the annotation `kargo.akuity.io/refresh`; empty if there is none.
[[nodiscard]] std::string refresh_of(const Json& object);

/// The text as a JSON string, quotes included.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace receiver::test
