// The main function of a fuzz target in every build except the fuzzers' own: examines the inputs of
// the corpus, so that old findings stay fixed.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "test/fuzz/fuzz.h"

namespace {

std::vector<char> content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

int replay(const std::vector<std::filesystem::path>& directories) {
  int inputs = 0;
  for (const auto& directory : directories) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      // Printed before, so that the last line names the input that ends the process.
      std::printf("%s\n", entry.path().c_str());
      std::fflush(stdout);
      std::vector<char> input = content(entry.path());
      input.shrink_to_fit();  // AddressSanitizer sees a byte read beyond the end
      receiver::fuzz::fuzz({input.data(), input.size()});
      ++inputs;
    }
  }
  std::printf("%d inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return replay({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
