#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

namespace receiver::ctl {

/// The group of the options that every command takes: they are the program's own.
inline constexpr const char* kCommonGroup = "For every command";

/// `--help` of every command: its own options and those of every command, in lines that fit. Only
/// lines to be copied, those of examples, are left as they are.
class Help final : public CLI::FormatterBase {
 public:
  /// `program`: as people have called it; examples call it so, too. `columns`: of a line.
  Help(std::string program, std::size_t columns);
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;

 private:
  std::string program_;
  std::size_t columns_;
};

/// How wide a help text is on a terminal of so many columns: longer lines are hard to read.
inline constexpr std::size_t kWidestHelp = 100;
/// Where there is no terminal, as in a pager.
inline constexpr std::size_t kUsualHelp = 80;

/// `text` with commands of this program called by that name. What runs elsewhere (`kubectl exec …
/// -- receiverctl`) and names of files stay.
[[nodiscard]] std::string called(std::string_view text, std::string_view program);

}  // namespace receiver::ctl
