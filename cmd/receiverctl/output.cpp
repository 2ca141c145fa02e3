#include "cmd/receiverctl/output.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <ostream>
#include <string_view>
#include <utility>

#include <boost/algorithm/string/replace.hpp>

#include "text/unicode.h"

namespace receiver::ctl {
namespace {

constexpr std::size_t kGap = 3;
/// Minimum width of the last column, so that its sentences can be read.
constexpr std::size_t kReadable = 30;
/// Indent of what is below a row's first line.
constexpr std::size_t kBelow = 4;

constexpr std::string_view kNoColour = "\x1b[0m";
/// In the order of Tone.
constexpr std::array<std::string_view, 5> kColours{"", "\x1b[32m", "\x1b[33m", "\x1b[31m",
                                                   "\x1b[2m"};

std::string_view colour_of(Tone tone) {
  return kColours.at(static_cast<std::size_t>(tone));
}

/// How many bytes at the beginning of the text set a colour, or end it.
std::size_t colour_bytes(std::string_view text) {
  if (text.starts_with(kNoColour)) return kNoColour.size();
  for (const std::string_view colour : kColours) {
    if (!colour.empty() && text.starts_with(colour)) return colour.size();
  }
  return 0;
}

/// Counts code points, which is close enough to columns for names, URLs and sentences.
std::size_t width_of(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, text::is_continuation));
}

/// The length in bytes of the first `columns` columns of the text.
std::size_t bytes_of(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  while (end < text.size() && (columns > 0 || text::is_continuation(text[end]))) {
    if (!text::is_continuation(text[end])) --columns;
    ++end;
  }
  return end;
}

std::size_t longest_word(std::string_view text) {
  std::size_t longest = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    longest = std::max(longest, width_of(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return longest;
}

/// The columns of a table, and what is between them.
struct Columns {
  std::vector<std::size_t> widths;
  std::size_t gap = kGap;
  std::size_t line = 0;
  bool last_below = false;  ///< the last one is on its own lines
  bool flowing = false;     ///< the others are not aligned either, because they do not fit

  /// Where the last column begins.
  [[nodiscard]] std::size_t indent() const {
    if (last_below) return kBelow;
    return std::accumulate(widths.begin(), widths.end() - 1, gap * (widths.size() - 1));
  }
  /// `word`: the width of the longest one in the last column.
  void fit(std::size_t columns, std::size_t word) {
    line = columns;
    const std::size_t before = indent();
    const std::size_t needed = std::min(widths.back(), std::max(kReadable, word));
    if (before + needed <= line || widths.size() == 1) {
      widths.back() = std::min(widths.back(), line - std::min(line, before));
      return;
    }
    last_below = true;
    widths.back() = line - std::min(line, kBelow);
    const auto others = [&] {
      return std::accumulate(widths.begin(), widths.end() - 1, gap * (widths.size() - 2));
    };
    if (others() > line) gap = 1;
    flowing = others() > line;
    if (flowing) gap = kGap;
  }
};

/// Writes the rows of a table.
class RowWriter {
 public:
  RowWriter(const Columns& columns, bool colours) : columns_(columns), colours_(colours) {}

  /// `nothing`: for an empty cell among cells that are not aligned.
  void add(const std::vector<Cell>& cells, const Cell& nothing) {
    const auto last = cells.end() - 1;
    // A row of the last column alone continues the one above.
    const bool alone =
        columns_.last_below &&
        std::all_of(cells.begin(), last, [](const Cell& cell) { return cell.text.empty(); });
    if (!alone && columns_.flowing) {
      flow(cells, nothing);
    } else if (!alone) {
      align(cells);
    }
    const bool below = columns_.last_below && !last->text.empty();
    if (below && !alone) end_line();
    if (below) text_.append(columns_.indent(), ' ');
    bool first = true;
    for (std::string& line : wrapped(last->text, columns_.widths.back())) {
      if (!std::exchange(first, false)) {
        end_line();
        text_.append(columns_.indent(), ' ');
      }
      Cell shown("", last->tone);
      shown.text = std::move(line);
      text_ += toned(shown, colours_);
    }
    end_line();
  }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  /// Every cell but the last in its column.
  void align(const std::vector<Cell>& cells) {
    for (std::size_t column = 0; column + 1 < cells.size(); ++column) {
      text_ += toned(cells[column], colours_);
      text_.append(columns_.widths[column] - width_of(cells[column].text) + columns_.gap, ' ');
    }
  }
  /// Every cell but the last behind the one before, in as many lines as it takes.
  void flow(const std::vector<Cell>& cells, const Cell& nothing) {
    std::size_t used = 0;
    for (std::size_t column = 0; column + 1 < cells.size(); ++column) {
      const Cell& cell = cells[column].text.empty() ? nothing : cells[column];
      const std::size_t width = width_of(cell.text);
      if (width == 0) continue;
      if (used > 0 && used + columns_.gap + width > columns_.line) {
        end_line();
        text_.append(kBelow, ' ');
        used = kBelow;
      } else if (used > 0) {
        text_.append(columns_.gap, ' ');
        used += columns_.gap;
      }
      text_ += toned(cell, colours_);
      used += width;
    }
  }
  void end_line() {
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += '\n';
  }

  const Columns& columns_;
  bool colours_;
  std::string text_;
};

}  // namespace

std::string toned(const Cell& cell, bool colours) {
  const std::string_view colour = colours ? colour_of(cell.tone) : "";
  if (colour.empty()) return cell.text;
  return std::string(colour) + cell.text + std::string(kNoColour);
}

PrintableOutput::PrintableOutput(std::ostream& stream, bool colours, std::string program)
    : stream_(stream),
      colours_(colours),
      program_(std::move(program)),
      target_(stream.rdbuf(this)) {}

PrintableOutput::~PrintableOutput() {
  write(line_);
  stream_.rdbuf(target_);
}

PrintableOutput::int_type PrintableOutput::overflow(int_type character) {
  const char written = traits_type::to_char_type(character);
  return xsputn(&written, 1) == 1 ? character : traits_type::eof();
}

std::streamsize PrintableOutput::xsputn(const char* text, std::streamsize size) {
  const std::lock_guard lock(mutex_);
  line_.append(text, static_cast<std::size_t>(size));
  const std::size_t end = line_.rfind('\n');
  if (end != std::string::npos) {
    write(std::string_view(line_).substr(0, end + 1));
    line_.erase(0, end + 1);
  }
  return size;
}

int PrintableOutput::sync() {
  const std::lock_guard lock(mutex_);
  write(line_);
  line_.clear();
  errno = 0;
  if (target_->pubsync() != 0) note_failure();
  return failed_ ? -1 : 0;
}

void PrintableOutput::note_failure() {
  failed_ = true;
  reader_is_gone_ = errno == EPIPE;
}

void PrintableOutput::write(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t ours = text.front() == '\n' ? 1 : colours_ ? colour_bytes(text) : 0;
    shown += text.substr(0, ours);
    text.remove_prefix(ours > 0 ? ours : log::append_printable(shown, text));
  }
  if (program_ != kProgram) {
    for (const char* behind : {" ", "\n"}) {
      boost::replace_all(shown, std::string("`") + kProgram + behind, "`" + program_ + behind);
    }
  }
  const auto size = static_cast<std::streamsize>(shown.size());
  errno = 0;
  if (target_->sputn(shown.data(), size) != size) note_failure();
}

Table::Table(std::vector<std::string> titles)
    : titles_(std::move(titles)), word_(longest_word(titles_.back())) {
  for (const std::string& title : titles_) widths_.push_back(width_of(title));
}

void Table::add(std::vector<Cell> row) {
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    widths_[column] = std::max(widths_[column], width_of(row[column].text));
  }
  word_ = std::max(word_, longest_word(row.back().text));
  rows_.push_back(std::move(row));
}

std::string Table::text(const Layout& layout) const {
  Columns columns{.widths = widths_};
  if (layout.columns) columns.fit(*layout.columns, word_);
  RowWriter writer(columns, layout.colours);
  if (!is_continued_) writer.add({titles_.begin(), titles_.end()}, "");
  for (const auto& row : rows_) writer.add(row, "-");
  return std::move(writer).text();
}

std::string Table::next(const Layout& layout) {
  std::string shown = text(layout);
  rows_.clear();
  is_continued_ = true;
  return shown;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  columns = std::max<std::size_t>(columns, 1);
  while (width_of(text) > columns) {
    std::size_t end = bytes_of(text, columns);
    // A space just after the last column ends a word that fits.
    const std::size_t blank = text.substr(0, end + 1).rfind(' ');
    const bool fits = blank != std::string_view::npos && blank > 0;
    end = fits ? blank : std::min(text.find(' ', end), text.size());
    if (end == text.size()) break;
    const std::size_t last = text.substr(0, end).find_last_not_of(' ');
    lines.emplace_back(text.substr(0, last + 1));
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  lines.emplace_back(text);
  return lines;
}

std::string paragraph(const Cell& cell, const Layout& layout) {
  std::string text;
  for (std::string& line : wrapped(cell.text, layout.columns.value_or(width_of(cell.text)))) {
    Cell shown("", cell.tone);
    shown.text = std::move(line);
    text += toned(shown, layout.colours) + '\n';
  }
  return text;
}

std::string lines(const std::vector<std::pair<std::string, Cell>>& values, const Layout& layout) {
  std::size_t widest = 0;
  for (const auto& [name, value] : values) widest = std::max(widest, width_of(name));
  const std::size_t before = widest + kGap;
  std::string text;
  for (const auto& [name, value] : values) {
    text += name + std::string(before - width_of(name), ' ');
    std::size_t room = width_of(value.text);
    if (layout.columns && *layout.columns > before) {
      room = std::min(room, std::max(*layout.columns - before, kReadable));
    }
    bool first = true;
    for (std::string& line : wrapped(value.text, room)) {
      if (!std::exchange(first, false)) text += '\n' + std::string(before, ' ');
      Cell shown("", value.tone);
      shown.text = std::move(line);
      text += toned(shown, layout.colours);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace receiver::ctl
