#include "http/message.h"

#include "text/ascii.h"

namespace receiver::http {

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (text::equal_ignoring_case(field, name)) return value;
  }
  return std::nullopt;
}

}  // namespace receiver::http
