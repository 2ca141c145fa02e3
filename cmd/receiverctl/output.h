#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/receiverctl/context.h"
#include "log/printable.h"

/// How results are shown to people and to programs.
namespace receiver::ctl {

/// The program's name in its own texts.
inline constexpr const char* kProgram = "receiverctl";

/// While it exists, everything written to `stream` goes through log::printable(), line by line, so
/// that no text of an object, payload or server reaches the terminal as a control sequence, not
/// even in JSON. With `colours`, those of toned() pass. Commands in backquotes are renamed to
/// `program`, the name that receiverctl was started with. Each write stays in one piece, even with
/// several threads.
class PrintableOutput final : private std::streambuf {
 public:
  PrintableOutput(std::ostream& stream, bool colours, std::string program = kProgram);
  ~PrintableOutput() override;
  PrintableOutput(const PrintableOutput&) = delete;
  PrintableOutput& operator=(const PrintableOutput&) = delete;

  /// Whether a write failed because nobody reads the pipe any more, as with `| head`.
  [[nodiscard]] bool reader_is_gone() const { return reader_is_gone_; }

 private:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;
  void write(std::string_view text);
  /// After a write that failed, and set `errno`.
  void note_failure();

  std::ostream& stream_;
  bool colours_;
  std::string program_;
  std::streambuf* target_;
  std::mutex mutex_;     ///< of all below
  std::string line_;     ///< incomplete, because a character may be written in parts
  bool failed_ = false;  ///< a write failed; the next flush reports it
  bool reader_is_gone_ = false;
};

enum class Tone : std::uint8_t { kPlain, kGood, kWarning, kBad, kQuiet };

/// A text in one line, made printable at once, because its width and colors depend on that.
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

/// How a text is laid out.
struct Layout {
  // NOLINTNEXTLINE(google-explicit-constructor): without a width, only the colors
  Layout(bool wants_colours = false, std::optional<std::size_t> width = std::nullopt)
      : colours(wants_colours), columns(width) {}
  explicit Layout(const Context& context) : Layout(context.colours, context.columns) {}

  bool colours;
  std::optional<std::size_t> columns;  ///< no line of several words is longer; nothing: no limit
};

/// Splits a text between words into lines of at most this width. Longer words, such as URLs, stay
/// whole: the terminal wraps them, and people can copy them. At least one line.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// Columns aligned like kubectl's. If they do not fit, the last one is wrapped; if it would be too
/// narrow to read, it moves below the others. At last, the others are not aligned either. Nothing
/// is cut.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  /// One cell per title.
  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  [[nodiscard]] std::string text(const Layout& layout) const;
  /// For rows that come one by one: those since the last call, the first ones below the titles. No
  /// column gets narrower, so that later rows are below earlier ones.
  [[nodiscard]] std::string next(const Layout& layout);

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> widths_;
  std::size_t word_;  ///< width of the longest one in the last column
  bool is_continued_ = false;
};

/// The noun behind a number of them.
[[nodiscard]] inline const char* repository_noun(std::size_t count) {
  return count == 1 ? "repository" : "repositories";
}

/// A sentence in lines that fit.
[[nodiscard]] std::string paragraph(const Cell& cell, const Layout& layout);

/// Lines of a name and its value, the values below each other.
[[nodiscard]] std::string lines(const std::vector<std::pair<std::string, Cell>>& values,
                                const Layout& layout);

}  // namespace receiver::ctl
