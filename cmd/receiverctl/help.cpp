#include "cmd/receiverctl/help.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include <boost/algorithm/string/join.hpp>

#include "cmd/receiverctl/output.h"

namespace receiver::ctl {
namespace {

/// Descriptions begin in this column; on narrow terminals they have their own lines.
constexpr std::size_t kDescriptions = 30;
constexpr std::size_t kNarrowTerminal = 70;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kOwnLineIndent = 10;

const CLI::App& root_of(const CLI::App& app) {
  const CLI::App* root = &app;
  while (root->get_parent() != nullptr) root = root->get_parent();
  return *root;
}

std::vector<const CLI::App*> named_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); });
}

/// Wraps `text`: all lines but the first are indented; the first follows existing text.
std::string hanging(std::string_view text, std::size_t indent, std::size_t columns) {
  const std::size_t room = std::max(columns, indent + kIndent) - indent;
  return boost::algorithm::join(wrapped(text, room), "\n" + std::string(indent, ' ')) + "\n";
}

std::string entry(const std::string& name, const std::string& description, std::size_t columns) {
  std::string text = std::string(kIndent, ' ') + name;
  if (description.empty()) return text + "\n";
  const bool narrow = columns < kNarrowTerminal;
  const std::size_t indent = narrow ? kOwnLineIndent : kDescriptions;
  if (narrow || text.size() + kIndent > indent) {
    text += "\n" + std::string(indent, ' ');
  } else {
    text.append(indent - text.size(), ' ');
  }
  return text + hanging(description, indent, columns);
}

/// `-o, --output FORMAT`; options without a short name stand below the long ones.
std::string name_of_option(const CLI::Option& option) {
  if (option.get_positional()) return option.get_option_text();
  std::string text;
  for (const auto& name : option.get_snames()) text += (text.empty() ? "-" : ", -") + name;
  if (text.empty()) text = "   ";
  bool first = option.get_snames().empty();
  for (const auto& name : option.get_lnames()) {
    text += std::exchange(first, false) ? " --" : ", --";
    text += name;
  }
  if (!option.get_option_text().empty()) text += " " + option.get_option_text();
  return text;
}

template <class Wanted>
std::string options_text(const CLI::App& app, const std::string& title, std::size_t columns,
                         const Wanted& wanted) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || !wanted(*option)) continue;
    text += entry(name_of_option(*option), option->get_description(), columns);
  }
  return text.empty() ? text : "\n" + title + ":\n" + text;
}

std::string usage(const CLI::App& app, const std::string& name, std::size_t columns) {
  constexpr std::size_t kUsageIndent = 7;
  std::string text = "Usage: " + name;
  if (!named_commands(app).empty()) {
    text += app.get_require_subcommand_min() == 0 ? " [COMMAND]" : " COMMAND";
  }
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string& argument = option->get_option_text();
    text += option->get_required() ? " " + argument : " [" + argument + "]";
  }
  return hanging(text + " [OPTIONS]", kUsageIndent, columns);
}

/// `  0  done`: a word and what it means.
std::size_t definition_indent(std::string_view line) {
  const std::size_t word = line.find_first_not_of(' ');
  if (word == 0 || word == std::string_view::npos) return 0;
  const std::size_t end = line.find(' ', word);
  if (end == std::string_view::npos || line.substr(end, kIndent) != "  ") return 0;
  const std::size_t meaning = line.find_first_not_of(' ', end);
  return meaning == std::string_view::npos ? 0 : meaning;
}

/// Wraps paragraphs again; indented lines are examples or definitions.
std::string footer_text(std::string_view footer, std::size_t columns) {
  std::string text;
  std::string paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) text += hanging(std::exchange(paragraph, {}), 0, columns);
  };
  while (!footer.empty()) {
    const std::size_t end = std::min(footer.find('\n'), footer.size());
    const std::string_view line = footer.substr(0, end);
    footer.remove_prefix(std::min(end + 1, footer.size()));
    if (!line.empty() && line.front() != ' ') {
      paragraph.append(paragraph.empty() ? "" : " ").append(line);
      continue;
    }
    end_paragraph();
    const std::size_t indent = definition_indent(line);
    if (indent == 0) {
      text.append(line) += '\n';
    } else {
      text.append(line.substr(0, indent)) += hanging(line.substr(indent), indent, columns);
    }
  }
  end_paragraph();
  return text;
}

}  // namespace

Help::Help(std::string program, std::size_t columns)
    : program_(std::move(program)), columns_(columns) {}

std::string Help::make_help(const CLI::App* app, std::string name,
                            CLI::AppFormatMode /*mode*/) const {
  std::string text =
      hanging(app->get_description(), 0, columns_) + "\n" + usage(*app, name, columns_);
  std::string commands;
  for (const CLI::App* command : named_commands(*app)) {
    commands += entry(command->get_name(), command->get_description(), columns_);
  }
  if (!commands.empty()) text += "\nCommands:\n" + commands;
  text += options_text(*app, "Arguments", columns_,
                       [](const CLI::Option& option) { return option.get_positional(); });
  for (const std::string& group : app->get_groups()) {
    if (group == kCommonGroup) continue;
    text += options_text(*app, group, columns_, [&](const CLI::Option& option) {
      return !option.get_positional() && option.get_group() == group;
    });
  }
  text += options_text(root_of(*app), kCommonGroup, columns_, [](const CLI::Option& option) {
    return option.get_group() == kCommonGroup;
  });
  const std::string footer = app->get_footer();
  if (footer.empty()) return text;
  return text + "\n" + footer_text(called(footer, program_), columns_);
}

std::string called(std::string_view text, std::string_view program) {
  const std::string_view own = kProgram;
  std::string renamed;
  for (;;) {
    const std::size_t at = text.find(own);
    if (at == std::string_view::npos) return renamed.append(text);
    const std::string_view before = text.substr(0, at);
    const std::size_t end = at + own.size();
    const bool is_command =
        end < text.size() && (text[end] == ' ' || text[end] == '\n') &&
        (before.empty() || std::string_view(" \n`(").find(before.back()) != std::string_view::npos);
    renamed.append(before).append(is_command && !before.ends_with("-- ") ? program : own);
    text.remove_prefix(end);
  }
}

}  // namespace receiver::ctl
