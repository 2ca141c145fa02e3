#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

namespace receiver::ctl {

/// The group of the options that every command takes; they belong to the program.
inline constexpr const char* kCommonGroup = "For every command";

/// Writes `--help` of every command: its options and the common ones, in lines that fit. Only lines
/// of examples stay whole, because people copy them.
class Help final : public CLI::FormatterBase {
 public:
  /// `program`: the name that it was started with, also used in examples. `columns`: width of a
  /// line.
  Help(std::string program, std::size_t columns);
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;

 private:
  std::string program_;
  std::size_t columns_;
};

/// Help is never wider than this, because longer lines are hard to read.
inline constexpr std::size_t kWidestHelp = 100;
/// Without a terminal, for example in a pager.
inline constexpr std::size_t kUsualHelp = 80;

/// Renames this program's commands in `text` to that name. Commands that run elsewhere (`kubectl
/// exec … -- receiverctl`) and file names stay.
[[nodiscard]] std::string called(std::string_view text, std::string_view program);

}  // namespace receiver::ctl
