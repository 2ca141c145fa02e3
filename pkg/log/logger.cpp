#include "log/logger.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "log/printable.h"
#include "text/ascii.h"
#include "text/unicode.h"

namespace receiver::log {
namespace {

/// Longer values and messages are cut: they may come from untrusted senders.
constexpr std::size_t kMaxTextBytes = 4096;

using Buffer = fmt::memory_buffer;

void append(Buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

enum class Escape {
  kControls,  ///< control characters and invalid bytes
  kQuoted,    ///< also quotes and backslashes, for text between quotes
  kJson,      ///< for JSON; an invalid byte becomes the text \xNN
};

void append_escaped(Buffer& out, std::string_view text, Escape escape) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (at >= kMaxTextBytes) {
      fmt::format_to(std::back_inserter(out), "...({} bytes more)", text.size() - at);
      return;
    }
    const text::CodePoint code = text::first_code_point(text.substr(at));
    const std::string_view bytes = text.substr(at, code.bytes);
    if (code.bytes == 0) {
      fmt::format_to(std::back_inserter(out), "{}x{:02x}", escape == Escape::kJson ? "\\\\" : "\\",
                     static_cast<unsigned char>(text[at]));
    } else if (is_control(code.value)) {
      append(out, escaped_control(code.value));
    } else if (escape != Escape::kControls && (code.value == '"' || code.value == '\\')) {
      out.push_back('\\');
      append(out, bytes);
    } else {
      append(out, bytes);
    }
    at += code.bytes == 0 ? 1 : code.bytes;
  }
}

/// Whether a value could be misread next to others, and so needs quotes.
bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  std::size_t at = 0;
  while (at < text.size()) {
    const text::CodePoint code = text::first_code_point(text.substr(at));
    if (code.bytes == 0 || is_control(code.value)) return true;
    if (code.value == ' ' || code.value == '"' || code.value == '=' || code.value == '\\') {
      return true;
    }
    at += code.bytes;
  }
  return false;
}

void append_quoted(Buffer& out, std::string_view text, Escape escape) {
  out.push_back('"');
  append_escaped(out, text, escape);
  out.push_back('"');
}

void append_value(Buffer& out, const Field& field, Format format) {
  std::visit(
      [&]<typename T>(const T& value) {
        if constexpr (std::is_same_v<T, std::string_view>) {
          if (format == Format::kJson) {
            append_quoted(out, value, Escape::kJson);
          } else if (needs_quotes(value)) {
            append_quoted(out, value, Escape::kQuoted);
          } else {
            append_escaped(out, value, Escape::kControls);
          }
        } else {
          if constexpr (std::is_same_v<T, double>) {
            if (format == Format::kJson &&
                !std::isfinite(value)) {  // JSON cannot express infinity and NaN
              append(out, "null");
              return;
            }
          }
          fmt::format_to(std::back_inserter(out), "{}", value);
        }
      },
      field.value);
}

std::string_view level_name(Level level) {
  static constexpr std::array<std::string_view, 5> kNames{"TRACE", "DEBUG", "INFO", "WARN",
                                                          "ERROR"};
  return kNames.at(static_cast<std::size_t>(level));
}

void append_console(Buffer& out, Level level, std::string_view name, std::string_view message,
                    Fields fields) {
  append(out, clock::format_millis(clock::Wall::now()));
  fmt::format_to(std::back_inserter(out), " {:<5} ", level_name(level));
  if (!name.empty()) {
    append(out, name);
    append(out, ": ");
  }
  append_escaped(out, message, Escape::kControls);
  for (const Field& field : fields) {
    out.push_back(' ');
    append(out, field.key);
    out.push_back('=');
    append_value(out, field, Format::kConsole);
  }
}

void append_json(Buffer& out, Level level, std::string_view name, std::string_view message,
                 Fields fields) {
  append(out, R"({"time":")");
  append(out, clock::format_millis(clock::Wall::now()));
  fmt::format_to(std::back_inserter(out), R"(","level":"{}","logger":)", level_name(level));
  append_quoted(out, name, Escape::kJson);
  append(out, R"(,"msg":)");
  append_quoted(out, message, Escape::kJson);
  for (const Field& field : fields) {
    out.push_back(',');
    append_quoted(out, field.key, Escape::kJson);
    out.push_back(':');
    append_value(out, field, Format::kJson);
  }
  out.push_back('}');
}

}  // namespace

struct Logger::Sink {
  Sink(Level initial, Format chosen, std::function<void(std::string_view)> lines)
      : level(initial), format(chosen), write(std::move(lines)) {}

  std::atomic<Level> level;
  const Format format;
  const std::function<void(std::string_view line)> write;
  std::mutex one_at_a_time;
};

std::optional<Level> parse_level(std::string_view text) {
  const std::string wanted = text::ascii_upper(text);
  for (const Level level :
       {Level::kTrace, Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (wanted == level_name(level)) return level;
  }
  return std::nullopt;
}

std::optional<Format> parse_format(std::string_view text) {
  const std::string wanted = text::ascii_upper(text);
  if (wanted == "CONSOLE") return Format::kConsole;
  if (wanted == "JSON") return Format::kJson;
  return std::nullopt;
}

Logger::Logger(std::shared_ptr<Sink> sink, std::string name)
    : sink_(std::move(sink)), name_(std::move(name)) {}

Logger Logger::to_stderr(Level level, Format format) {
  return to_callback(level, format, [](std::string_view line) {
    const std::string whole =
        fmt::format("{}\n", line);  // one write, so that lines of other threads cannot interleave
    (void)std::fwrite(whole.data(), 1, whole.size(), stderr);
  });
}

Logger Logger::to_callback(Level level, Format format,
                           std::function<void(std::string_view line)> line) {
  return {std::make_shared<Sink>(level, format, std::move(line)), ""};
}

Logger Logger::none() {
  return {nullptr, ""};
}

Logger Logger::named(std::string_view name) const {
  return {sink_, std::string(name)};
}

void Logger::set_level(Level level) const {
  if (sink_) sink_->level.store(level, std::memory_order_relaxed);
}

bool Logger::enabled(Level level) const {
  return sink_ && level >= sink_->level.load(std::memory_order_relaxed);
}

void Logger::write(Level level, std::string_view message, Fields fields) const {
  if (!enabled(level)) return;
  Buffer line;
  if (sink_->format == Format::kJson) {
    append_json(line, level, name_, message, fields);
  } else {
    append_console(line, level, name_, message, fields);
  }
  const std::lock_guard lock(sink_->one_at_a_time);
  sink_->write({line.data(), line.size()});
}

}  // namespace receiver::log
