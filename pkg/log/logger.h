#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace receiver::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError };
enum class Format { kConsole, kJson };

/// Accepts ERROR, WARN, INFO, DEBUG and TRACE in either case.
[[nodiscard]] std::optional<Level> parse_level(std::string_view text);
/// Accepts CONSOLE and JSON in either case.
[[nodiscard]] std::optional<Format> parse_format(std::string_view text);

/// One key=value of a log line. The key names the thing and its unit: "project", "duration_ms". One
/// key has one meaning in all lines: `error` says why something failed, `object`, `resource` and
/// `namespace` name what it is about, `suppressed` counts similar lines that were left out.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

using Fields = std::initializer_list<Field>;

/// Writes lines to one sink. Cheap to copy; copies share the sink and the level. Thread-safe.
/// Console: `2026-01-02T03:04:05.678Z INFO  refresher: refreshed key=value …` (values with spaces
/// are quoted); JSON: one object per line with `time`, `level`, `logger`, `msg` and the fields.
/// Control characters and invalid UTF-8 in values are escaped: a caller may log untrusted text.
class Logger {
 public:
  /// Lines go to standard error.
  [[nodiscard]] static Logger to_stderr(Level level, Format format);
  /// For tests: appends every line to `lines`, which must outlive all copies. Readers are not
  /// synchronized with the sink: read after the writers have stopped, or in a callback.
  [[nodiscard]] static Logger to_callback(Level level, Format format,
                                          std::function<void(std::string_view line)> line);
  /// Writes nothing.
  [[nodiscard]] static Logger none();

  /// The same sink under another name, e.g. "reflector".
  [[nodiscard]] Logger named(std::string_view name) const;

  void set_level(Level level) const;
  [[nodiscard]] bool enabled(Level level) const;

  void write(Level level, std::string_view message, Fields fields) const;
  void trace(std::string_view message, Fields fields = {}) const {
    write(Level::kTrace, message, fields);
  }
  void debug(std::string_view message, Fields fields = {}) const {
    write(Level::kDebug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) const {
    write(Level::kInfo, message, fields);
  }
  void warn(std::string_view message, Fields fields = {}) const {
    write(Level::kWarn, message, fields);
  }
  void error(std::string_view message, Fields fields = {}) const {
    write(Level::kError, message, fields);
  }

 private:
  struct Sink;
  Logger(std::shared_ptr<Sink> sink, std::string name);
  std::shared_ptr<Sink> sink_;
  std::string name_;
};

}  // namespace receiver::log
