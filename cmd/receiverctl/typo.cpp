#include "cmd/receiverctl/typo.h"

#include <algorithm>

#include <fmt/format.h>

namespace receiver::ctl {
namespace {

/// Longer than any command or option.
constexpr std::size_t kLongest = 64;

std::vector<const CLI::App*> commands_below(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); });
}

/// The options of the command and of its parents, which it also takes.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  std::vector<const CLI::Option*> options;
  for (const CLI::App* one = &app; one != nullptr; one = one->get_parent()) {
    const auto own = one->get_options();
    options.insert(options.end(), own.begin(), own.end());
  }
  return options;
}

const CLI::Option* option_named(const CLI::App& app, const std::string& name) {
  const auto options = options_of(app);
  const auto found = std::ranges::find_if(
      options, [&](const CLI::Option* option) { return option->check_name(name); });
  return found == options.end() ? nullptr : *found;
}

std::vector<std::string> long_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options_of(app)) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string sentence(const std::string& what, std::string_view word,
                     const std::vector<std::string>& known) {
  const std::string meant = nearest(word, known);
  return fmt::format("{} {:?}{}", what, word,
                     meant.empty() ? "" : fmt::format(": did you mean {:?}?", meant));
}

}  // namespace

std::size_t edit_distance(std::string_view left, std::string_view right) {
  left = left.substr(0, kLongest);
  right = right.substr(0, kLongest);
  // Distances between a prefix of `left` and each prefix of `right`: two rows back, one row back,
  // current row.
  std::vector<std::size_t> two_back;
  std::vector<std::size_t> back(right.size() + 1);
  std::vector<std::size_t> now(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) back[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const bool same = left[i - 1] == right[j - 1];
      now[j] = std::min({back[j] + 1, now[j - 1] + 1, back[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) now[j] = std::min(now[j], two_back[j - 2] + 1);
    }
    two_back = back;
    std::swap(back, now);
  }
  return back[right.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kWrongPart = 3;
  std::string found;
  std::size_t least = std::max<std::size_t>(word.size() / kWrongPart, 1) + 1;
  for (const std::string& one : known) {
    const std::size_t distance = edit_distance(word, one);
    if (distance < least) {
      least = distance;
      found = one;
    }
  }
  if (!found.empty()) return found;
  const auto begun = std::ranges::find_if(known, [&](const std::string& one) {
    return word.size() > 2 && word != "--" && one.starts_with(word);
  });
  return begun == known.end() ? std::string() : *begun;
}

std::string unknown_word(const CLI::App& program, const std::vector<std::string>& words) {
  const CLI::App* command = &program;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") return {};
    if (word.size() > 1 && word.front() == '-') {
      const bool is_long = word[1] == '-';
      const std::string name = is_long ? word.substr(0, word.find('=')) : word.substr(0, 2);
      const CLI::Option* option = option_named(*command, name);
      if (option == nullptr) {
        return sentence(
            command == &program ? "there is no option" : command->get_name() + " has no option",
            name, is_long ? long_names(*command) : std::vector<std::string>());
      }
      const bool holds_value = is_long ? word.find('=') != std::string::npos : word.size() > 2;
      if (option->get_items_expected_max() > 0 && !holds_value) ++i;
      continue;
    }
    const auto below = commands_below(*command);
    const auto next = std::ranges::find(
        below, word, [](const CLI::App* one) -> const std::string& { return one->get_name(); });
    if (next != below.end()) {
      command = *next;
      continue;
    }
    const auto options = command->get_options();
    const bool takes_words = std::ranges::any_of(
        options, [](const CLI::Option* option) { return option->get_positional(); });
    if (below.empty() || takes_words) continue;
    std::vector<std::string> names;
    names.reserve(below.size());
    for (const CLI::App* one : below) names.push_back(one->get_name());
    return sentence(
        command == &program ? "there is no command" : command->get_name() + " has no command", word,
        names);
  }
  return {};
}

}  // namespace receiver::ctl
