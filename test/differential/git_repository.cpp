#include "test/differential/git_repository.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace receiver::test {
namespace {

/// Marks of fast-import: a commit's is its number plus one, and those of tags follow.
std::size_t mark_of_tag(const History& history, std::size_t tag) {
  return history.commits.size() + tag + 1;
}

std::string octal(std::string_view path) {
  std::string text = "\"";
  for (const char character : path) {
    text += fmt::format("\\{:03o}", static_cast<unsigned char>(character));
  }
  return text + '"';
}

void data(std::string& stream, std::string_view text) {
  stream += fmt::format("data {}\n{}\n", text.size(), text);
}

constexpr std::uint32_t kSubmoduleMode = 0160000;

std::string import_stream(const History& history) {
  std::string stream = "feature done\n";
  const auto person = [](std::string_view role, std::size_t number) {
    return fmt::format("{} Orchard Keeper <keeper@orchard.example> {} +0000\n", role,
                       1'767'225'600 + 60 * number);
  };
  for (std::size_t number = 0; number < history.commits.size(); ++number) {
    const Commit& commit = history.commits[number];
    // One ref for all: only each commit's parents matter.
    stream += "reset refs/heads/import\n";
    stream += fmt::format("commit refs/heads/import\nmark :{}\n", number + 1);
    stream += person("committer", number);
    data(stream, fmt::format("Commit {}\n", number));
    for (std::size_t i = 0; i < commit.parents.size(); ++i) {
      stream += fmt::format("{} :{}\n", i == 0 ? "from" : "merge", commit.parents[i] + 1);
    }
    const Tree& before = former_tree(history, commit);
    const Tree& after = *commit.tree;
    const auto paths = differing_paths(before, after);
    // Deletions first: deleted paths may be in the way.
    for (const std::string& path : paths) {
      if (!after.contains(path)) stream += fmt::format("D {}\n", octal(path));
    }
    for (const std::string& path : paths) {
      const auto found = after.find(path);
      if (found == after.end()) continue;
      const File file = found->second;
      if (file.mode == kSubmoduleMode) {
        stream += fmt::format("M 160000 {:040x} {}\n", file.content, octal(path));
      } else {
        stream += fmt::format("M {:o} inline {}\n", file.mode, octal(path));
        data(stream, fmt::format("content {}", file.content));
      }
    }
    stream += '\n';
  }
  for (std::size_t number = 0; number < history.tag_objects.size(); ++number) {
    stream += fmt::format("tag import-{}\nmark :{}\nfrom :{}\n", number,
                          mark_of_tag(history, number), history.tag_objects[number].commit + 1);
    stream += person("tagger", number);
    data(stream, fmt::format("Tag {}\n", number));
  }
  return stream + "done\n";
}

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

std::string read_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Calls `take` with each line, without its end.
template <class Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

GitRepository::GitRepository(History& history) {
  (void)git({"init", "--quiet", "--bare", "--template="});
  const std::string stream = folder_.write("stream", import_stream(history));
  (void)git({"fast-import", "--quiet", "--force", "--export-marks=" + folder_.path("marks")},
            stream);
  // `:MARK HASH`
  for_each_line(read_file(folder_.path("marks")), [&](std::string_view line) {
    std::size_t mark = 0;
    std::from_chars(line.data() + 1, line.data() + line.size(), mark);
    const std::string hash(line.substr(line.find(' ') + 1));
    if (mark > history.commits.size()) {
      history.tag_objects.at(mark - history.commits.size() - 1).hash = hash;
    } else {
      history.commits.at(mark - 1).hash = hash;
    }
  });
}

std::string GitRepository::git(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), {"git", "--git-dir=" + folder_.path("repository.git")});
  std::vector<std::string> variables{std::string("PATH=") + std::getenv("PATH"), "LC_ALL=C",
                                     "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
                                     "HOME=" + folder_.path("home")};
  std::array<int, 2> output{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) check(errno, "pipe2");
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  pid_t id = 0;
  const int error = ::posix_spawnp(&id, "git", &actions, nullptr, pointers(arguments).data(),
                                   pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(output[1]);
  check(error, "posix_spawnp of git");
  std::string text;
  std::array<char, 65536> buffer{};
  ssize_t size = 0;
  while ((size = ::read(output[0], buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::close(output[0]);
  int status = 0;
  ::waitpid(id, &status, 0);
  if (status != 0) throw std::runtime_error(fmt::format("git {} failed", arguments[2]));
  return text;
}

std::vector<LoggedCommit> GitRepository::log(const std::string& commit, std::size_t count) const {
  std::vector<std::string> arguments{"log", "--first-parent", "--no-renames", "--name-status",
                                     "--format=commit %H"};
  if (count > 0) arguments.push_back(fmt::format("--max-count={}", count));
  arguments.insert(arguments.end(), {commit, "--"});
  std::vector<LoggedCommit> commits;
  for_each_line(git(std::move(arguments)), [&](std::string_view line) {
    constexpr std::string_view kCommit = "commit ";
    const std::size_t tab = line.find('\t');
    if (tab != std::string_view::npos) {
      commits.back().paths.emplace_back(line.substr(tab + 1));
    } else if (line.starts_with(kCommit)) {
      commits.push_back({std::string(line.substr(kCommit.size())), {}});
    }
  });
  return commits;
}

}  // namespace receiver::test
