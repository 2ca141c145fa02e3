#include "cmd/receiverctl/completion.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <fmt/format.h>

#include "cmd/version.h"

namespace receiver::ctl {
namespace {

constexpr const char* kCompletionExamples = R"(Examples:
  source <(receiverctl completion bash)
  receiverctl completion zsh > "${fpath[1]}/_receiverctl"
  receiverctl completion fish > ~/.config/fish/completions/receiverctl.fish
  receiverctl completion man | man -l -

For `kubectl bitbucket-receiver`, put a link to receiverctl named kubectl_complete-bitbucket_receiver into
the PATH: then kubectl's own completion completes it.)";

struct Word {
  std::string text;  ///< as it is typed
  std::string help;
};

/// A command and its possible next words.
struct Command {
  std::string path;  ///< of blank and name, of each command from below the program on
  const CLI::App* app;
  std::vector<Word> words;
};

bool takes_a_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

/// As it is typed: `-o`, `--output`.
std::vector<std::string> names(const CLI::Option& option) {
  std::vector<std::string> typed;
  for (const auto& name : option.get_snames()) typed.push_back("-" + name);
  for (const auto& name : option.get_lnames()) typed.push_back("--" + name);
  return typed;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
}

/// Each command after its parent, the program itself first. The program's options apply to all
/// commands.
std::vector<Command> commands(const CLI::App& program) {
  std::vector<Command> all{{"", &program, {}}};
  for (std::size_t index = 0; index < all.size(); ++index) {
    const Command parent = all[index];
    std::vector<Word> words;
    for (const CLI::App* command : commands_of(*parent.app)) {
      words.push_back({command->get_name(), command->get_description()});
      all.push_back({parent.path + " " + command->get_name(), command, {}});
    }
    auto options = parent.app->get_options();
    if (parent.app != &program) {
      const auto common = program.get_options(
          [](const CLI::Option* option) { return option->get_lnames().front() != "help"; });
      options.insert(options.end(), common.begin(), common.end());
    }
    for (const CLI::Option* option : options) {
      for (const auto& name : names(*option)) words.push_back({name, option->get_description()});
    }
    all[index].words = std::move(words);
  }
  return all;
}

/// The options of all commands that take a value.
std::vector<std::string> options_with_values(const std::vector<Command>& all) {
  std::vector<std::string> found;
  for (const Command& command : all) {
    for (const CLI::Option* option : command.app->get_options()) {
      if (!takes_a_value(*option)) continue;
      const auto typed = names(*option);
      found.insert(found.end(), typed.begin(), typed.end());
    }
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string quoted(const std::string& text, std::string_view quote) {
  return "'" + boost::replace_all_copy(text, "'", quote) + "'";
}

/// `'one'|'two'` of all commands but the program: a shell's pattern.
std::string paths_pattern(const std::vector<Command>& all) {
  std::vector<std::string> paths;
  for (const Command& command : all) {
    if (!command.path.empty()) paths.push_back("'" + command.path + "'");
  }
  return boost::algorithm::join(paths, "|");
}

/// Escapes plain text for man, so that no line is a request.
std::string roff(std::string_view text) {
  std::string escaped;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) escaped += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string roff_options(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_name().empty()) continue;
    auto typed = names(*option);
    for (auto& name : typed) name = "\\fB" + roff(name) + "\\fR";
    text += ".TP\n" + boost::algorithm::join(typed, ", ");
    if (takes_a_value(*option)) text += " \\fI" + roff(option->get_option_text()) + "\\fR";
    text += "\n" + roff(option->get_description()) + "\n";
  }
  return text;
}

/// Examples and tables, without reformatting.
std::string roff_footer(const CLI::App& app) {
  return ".PP\n.nf\n" + roff(app.get_footer()) + "\n.fi\n";
}

/// Where the command's own words may follow.
std::string fish_condition(const Command& command) {
  std::vector<std::string> parts;
  if (!command.path.empty()) {
    parts.push_back("__fish_seen_subcommand_from " + command.app->get_name());
  }
  std::string below;
  for (const CLI::App* app : commands_of(*command.app)) below.append(" ").append(app->get_name());
  if (!below.empty()) parts.push_back("not __fish_seen_subcommand_from" + below);
  return boost::algorithm::join(parts, "; and ");
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const auto all = commands(app);
  std::string cases;
  for (const Command& command : all) {
    std::vector<std::string> words;
    words.reserve(command.words.size());
    for (const Word& word : command.words) words.push_back(word.text);
    cases +=
        fmt::format("    '{}') words='{}' ;;\n", command.path, boost::algorithm::join(words, " "));
  }
  return fmt::format(R"(# bash completion for receiverctl
_receiverctl() {{
  local at='' words='' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$at ${{COMP_WORDS[index]}}" in
      {}) at+=" ${{COMP_WORDS[index]}}" ;;
    esac
  done
  COMPREPLY=()
  case "${{COMP_WORDS[COMP_CWORD - 1]}}" in
    {}) return ;;
  esac
  case "$at" in
{}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -o default -F _receiverctl receiverctl kubectl-bitbucket_receiver
)",
                     paths_pattern(all), boost::algorithm::join(options_with_values(all), "|"),
                     cases);
}

std::string zsh_completion(const CLI::App& app) {
  const auto all = commands(app);
  std::string cases;
  for (const Command& command : all) {
    cases += fmt::format("    '{}') candidates=(\n", command.path);
    for (const Word& word : command.words) {
      cases += "      " + quoted(word.text + ":" + word.help, "'\\''") + "\n";
    }
    cases += "    ) ;;\n";
  }
  return fmt::format(R"(#compdef receiverctl
_receiverctl() {{
  local at='' word
  local -a candidates
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$at $word" in
      {}) at+=" $word" ;;
    esac
  done
  case "${{words[CURRENT-1]}}" in
    {}) _files; return ;;
  esac
  case "$at" in
{}  esac
  _describe receiverctl candidates || _files
}}
if [[ "$funcstack[1]" = _receiverctl ]]; then
  _receiverctl "$@"
else
  compdef _receiverctl receiverctl
fi
)",
                     paths_pattern(all), boost::algorithm::join(options_with_values(all), "|"),
                     cases);
}

std::string fish_completion(const CLI::App& app) {
  std::string text = "# fish completion for receiverctl\n";
  const auto all = commands(app);
  for (const Command& command : all) {
    const std::string condition = fish_condition(command);
    for (const CLI::App* below : commands_of(*command.app)) {
      text += fmt::format("complete -c receiverctl -n '{}' -a {} -d {}\n", condition,
                          below->get_name(), quoted(below->get_description(), "\\'"));
    }
    for (const CLI::Option* option : command.app->get_options()) {
      std::string typed;
      for (const auto& name : option->get_snames()) typed += " -s " + name;
      for (const auto& name : option->get_lnames()) typed += " -l " + name;
      if (typed.empty()) continue;
      text += fmt::format("complete -c receiverctl{}{}{} -d {}\n",
                          command.path.empty() ? "" : " -n '" + condition + "'", typed,
                          takes_a_value(*option) ? " -r" : "",
                          quoted(option->get_description(), "\\'"));
    }
  }
  return text;
}

std::string man_page(const CLI::App& app) {
  std::string text = fmt::format(
      ".TH RECEIVERCTL 1 {} \"receiverctl {}\" \"User Commands\"\n"
      ".SH NAME\nreceiverctl \\- {}\n"
      ".SH SYNOPSIS\n\\fBreceiverctl\\fR [\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n"
      ".SH OPTIONS OF EVERY COMMAND\n{}.SH COMMANDS\n",
      commit_date(), version(), roff(app.get_description()), roff_options(app));
  for (const Command& command : commands(app)) {
    if (command.path.empty()) continue;
    text += fmt::format(".SS {}\n{}\n{}{}", roff(command.path.substr(1)),
                        roff(command.app->get_description()), roff_options(*command.app),
                        roff_footer(*command.app));
  }
  return text + ".SH EXAMPLES AND EXIT CODES\n" + roff_footer(app);
}

std::string kubectl_completion(const CLI::App& app, const std::vector<std::string>& words) {
  const auto all = commands(app);
  const auto with_values = options_with_values(all);
  const Command* at = &all.front();
  bool value_follows = false;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (std::exchange(value_follows, false)) continue;
    value_follows = std::ranges::count(with_values, words[i]) > 0;
    const auto next = std::ranges::find(all, at->path + " " + words[i], &Command::path);
    if (next != all.end()) at = &*next;
  }
  const std::string typed = words.empty() ? "" : words.back();
  std::string text;
  for (const Word& word : at->words) {
    if (value_follows || !word.text.starts_with(typed)) continue;
    // There are many options: they are offered only after a hyphen.
    if (word.text.starts_with('-') && !typed.starts_with('-')) continue;
    text += word.text + "\n";
  }
  return text + (text.empty() ? ":0\n" : ":4\n");
}

namespace {

std::string printed(const CLI::App& app, std::string_view kind) {
  if (kind == "bash") return bash_completion(app);
  if (kind == "zsh") return zsh_completion(app);
  if (kind == "fish") return fish_completion(app);
  return man_page(app);
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  const auto wanted = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "completion", "Print the completions for a shell, or the manual page (man).");
  command->add_option("shell", *wanted, "bash, zsh, fish, or man.")
      ->option_text("SHELL")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}));
  command->footer(kCompletionExamples);
  command->callback([&app, &context, wanted] {
    context.command = [&app, &context, wanted]() -> Result<ExitCode> {
      context.out << printed(app, *wanted);
      return ExitCode::kOk;
    };
  });
}

}  // namespace receiver::ctl
