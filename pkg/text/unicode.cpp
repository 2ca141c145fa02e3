#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <langinfo.h>
#include <locale.h>
#include <wctype.h>

#include "text/ascii.h"

namespace receiver::text {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// Surrogates are not characters.
bool is_character(char32_t value) {
  return value < 0xD800 || (value > 0xDFFF && value <= 0x10FFFF);
}

char32_t lower_of(char32_t character) {
  if (character < 0x80) return static_cast<char32_t>(text::lower(static_cast<char>(character)));
  // Part of the C library, whatever locales the machine has. It is never freed.
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (locale == nullptr) return character;
  return static_cast<char32_t>(towlower_l(static_cast<wint_t>(character), locale));
}

struct Range {
  char32_t first;
  char32_t last;
};

/// Categories Cc, Cf, Co, Zs (except the plain space), Zl and Zp. Unassigned characters pass.
constexpr std::array kInvisible{
    Range{0x0000, 0x001F},    Range{0x007F, 0x00A0},   Range{0x00AD, 0x00AD},
    Range{0x0600, 0x0605},    Range{0x061C, 0x061C},   Range{0x06DD, 0x06DD},
    Range{0x070F, 0x070F},    Range{0x0890, 0x0891},   Range{0x08E2, 0x08E2},
    Range{0x1680, 0x1680},    Range{0x180E, 0x180E},   Range{0x2000, 0x200F},
    Range{0x2028, 0x202F},    Range{0x205F, 0x206F},   Range{0x3000, 0x3000},
    Range{0xE000, 0xF8FF},    Range{0xFEFF, 0xFEFF},   Range{0xFFF9, 0xFFFB},
    Range{0x110BD, 0x110BD},  Range{0x110CD, 0x110CD}, Range{0x13430, 0x1343F},
    Range{0x1BCA0, 0x1BCA3},  Range{0x1D173, 0x1D17A}, Range{0xE0001, 0xE007F},
    Range{0xF0000, 0x10FFFF},
};

bool is_invisible(char32_t character) {
  const auto* range = std::ranges::lower_bound(kInvisible, character, {}, &Range::last);
  return range != kInvisible.end() && character >= range->first;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
  char32_t value = first & (0x7FU >> bytes);
  for (const char byte : text.substr(1, bytes - 1)) {
    if (!is_continuation(byte)) return {};
    value = (value << 6U) | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest.at(bytes) || !is_character(value)) return {};
  return {value, bytes};
}

void append_utf8(std::string& text, char32_t character) {
  const auto continuation = [&](unsigned shift) {
    text += static_cast<char>(0x80U | ((character >> shift) & 0x3FU));
  };
  if (!is_character(character)) character = kReplacement;
  if (character < 0x80) {
    text += static_cast<char>(character);
  } else if (character < 0x800) {
    text += static_cast<char>(0xC0U | (character >> 6U));
    continuation(0);
  } else if (character < 0x10000) {
    text += static_cast<char>(0xE0U | (character >> 12U));
    continuation(6);
    continuation(0);
  } else {
    text += static_cast<char>(0xF0U | (character >> 18U));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = first_code_point(text).bytes;
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && is_continuation(text[limit])) --limit;
  return text.substr(0, limit);
}

std::string unicode_lower(std::string_view text) {
  std::string lowered;
  lowered.reserve(text.size());
  while (!text.empty()) {
    const auto [character, bytes] = first_code_point(text);
    append_utf8(lowered, bytes == 0 ? kReplacement : lower_of(character));
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return lowered;
}

std::string without_invisible(std::string_view text) {
  std::string visible;
  visible.reserve(text.size());
  while (!text.empty()) {
    const auto [character, bytes] = first_code_point(text);
    const std::size_t length = std::max<std::size_t>(bytes, 1);
    if (bytes == 0 || !is_invisible(character)) visible.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  visible.erase(visible.find_last_not_of(' ') + 1);
  visible.erase(0, std::min(visible.find_first_not_of(' '), visible.size()));
  return visible;
}

}  // namespace receiver::text
