#include "cmd/receiverctl/output.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <string_view>

#include "text/unicode.h"

namespace receiver::ctl {
namespace {

constexpr std::size_t kGap = 3;

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

/// Code points, which is near enough to columns for names, URLs and sentences.
std::size_t width_of(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, text::is_continuation));
}

}  // namespace

std::string toned(const Cell& cell, bool colours) {
  const std::string_view colour = colours ? colour_of(cell.tone) : "";
  if (colour.empty()) return cell.text;
  return std::string(colour) + cell.text + std::string(kNoColour);
}

PrintableOutput::PrintableOutput(std::ostream& stream, bool colours)
    : stream_(stream), colours_(colours), target_(stream.rdbuf(this)) {}

PrintableOutput::~PrintableOutput() {
  write(line_);
  stream_.rdbuf(target_);
}

PrintableOutput::int_type PrintableOutput::overflow(int_type character) {
  const char written = traits_type::to_char_type(character);
  return xsputn(&written, 1) == 1 ? character : traits_type::eof();
}

std::streamsize PrintableOutput::xsputn(const char* text, std::streamsize size) {
  line_.append(text, static_cast<std::size_t>(size));
  const std::size_t end = line_.rfind('\n');
  if (end != std::string::npos) {
    write(std::string_view(line_).substr(0, end + 1));
    line_.erase(0, end + 1);
  }
  return size;
}

int PrintableOutput::sync() {
  write(line_);
  line_.clear();
  return target_->pubsync();
}

void PrintableOutput::write(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t ours = text.front() == '\n' ? 1 : colours_ ? colour_bytes(text) : 0;
    shown += text.substr(0, ours);
    text.remove_prefix(ours > 0 ? ours : log::append_printable(shown, text));
  }
  target_->sputn(shown.data(), static_cast<std::streamsize>(shown.size()));
}

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}

void Table::add(std::vector<Cell> row) {
  rows_.push_back(std::move(row));
}

std::string Table::text(bool colours) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    std::size_t widest = width_of(titles_[column]);
    for (const auto& row : rows_) widest = std::max(widest, width_of(row[column].text));
    widths.push_back(widest);
  }
  std::string text;
  const auto add_line = [&](const std::vector<Cell>& cells) {
    for (std::size_t column = 0; column < cells.size(); ++column) {
      text += toned(cells[column], colours);
      if (column + 1 == cells.size()) break;
      text.append(widths[column] - width_of(cells[column].text) + kGap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  };
  add_line({titles_.begin(), titles_.end()});
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string lines(const std::vector<std::pair<std::string, Cell>>& values, bool colours) {
  std::size_t widest = 0;
  for (const auto& [name, value] : values) widest = std::max(widest, width_of(name));
  std::string text;
  for (const auto& [name, value] : values) {
    text += name + std::string(widest - width_of(name) + kGap, ' ') + toned(value, colours) + '\n';
  }
  return text;
}

std::string json_text(const std::function<void(Json&)>& write) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.SetIndent(' ', 2);
  write(json);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

void member(Json& json, const char* name, const std::string& value) {
  json.Key(name);
  json.String(value);
}

void member(Json& json, const char* name, bool value) {
  json.Key(name);
  json.Bool(value);
}

void member(Json& json, const char* name, std::int64_t value) {
  json.Key(name);
  json.Int64(value);
}

void member(Json& json, const char* name, const std::vector<std::string>& texts) {
  json.Key(name);
  json.StartArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray();
}

}  // namespace receiver::ctl
