#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

/// How results are shown to people and to programs.
namespace receiver::ctl {

enum class Tone : std::uint8_t { kPlain, kGood, kWarning, kBad, kQuiet };

struct Cell {
  // NOLINTNEXTLINE(google-explicit-constructor): a text is a cell
  Cell(std::string shown, Tone how = Tone::kPlain) : text(std::move(shown)), tone(how) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Cell(const char* shown, Tone how = Tone::kPlain) : text(shown), tone(how) {}
  std::string text;
  Tone tone;
};

/// `text` in the tone's colour, if colours are wanted. Control characters, which an object's
/// message could hold, are replaced.
[[nodiscard]] std::string toned(const Cell& cell, bool colours);

/// Columns as kubectl aligns them; the last one is as wide as it likes.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  /// One cell per title.
  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string text(bool colours) const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<Cell>> rows_;
};

/// Lines of a name and its value, the values below each other.
[[nodiscard]] std::string lines(const std::vector<std::pair<std::string, Cell>>& values,
                                bool colours);

using Json = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

/// The document that `write` writes, indented, with a newline at its end.
[[nodiscard]] std::string json_text(const std::function<void(Json&)>& write);
void member(Json& json, const char* name, const std::string& value);
void member(Json& json, const char* name, bool value);
void member(Json& json, const char* name, std::int64_t value);
void member(Json& json, const char* name, const std::vector<std::string>& texts);

}  // namespace receiver::ctl
