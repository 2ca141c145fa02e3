#include "cmd/receiverctl/output.h"

#include <algorithm>
#include <string_view>

namespace receiver::ctl {
namespace {

constexpr std::size_t kGap = 3;

std::string_view colour_of(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kQuiet:
      return "\x1b[2m";
  }
  return "";
}

/// Code points, which is near enough to columns for names, URLs and sentences.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

}  // namespace

std::string toned(const Cell& cell, bool colours) {
  const std::string_view colour = colours ? colour_of(cell.tone) : "";
  std::string text = printable(cell.text);
  if (colour.empty()) return text;
  return std::string(colour) + text + "\x1b[0m";
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
