#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "log/printable.h"

/// How results are shown to people and to programs.
namespace receiver::ctl {

/// While it lives, everything that is written to `stream` goes through log::printable(), line by
/// line: nothing that an object, a payload or a server says reaches the terminal as a command, in
/// JSON neither. With `colours`, those of toned() pass.
class PrintableOutput final : private std::streambuf {
 public:
  PrintableOutput(std::ostream& stream, bool colours);
  ~PrintableOutput() override;
  PrintableOutput(const PrintableOutput&) = delete;
  PrintableOutput& operator=(const PrintableOutput&) = delete;

 private:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;
  void write(std::string_view text);

  std::ostream& stream_;
  bool colours_;
  std::streambuf* target_;
  std::string line_;  ///< its beginning: a character may be written in parts
};

enum class Tone : std::uint8_t { kPlain, kGood, kWarning, kBad, kQuiet };

/// A text in one line, made printable at once: its width and its colours count on that.
struct Cell {
  // NOLINTNEXTLINE(google-explicit-constructor): a text is a cell
  Cell(const std::string& shown, Tone how = Tone::kPlain)
      : text(log::printable(shown)), tone(how) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Cell(const char* shown, Tone how = Tone::kPlain) : text(log::printable(shown)), tone(how) {}
  std::string text;
  Tone tone;
};

/// `text` in the tone's colour, if colours are wanted.
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
