#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace receiver::test {

/// Random choices from a seed, equal on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// From 0 to `count` - 1.
  [[nodiscard]] std::size_t below(std::size_t count) { return engine_() % count; }
  [[nodiscard]] std::size_t between(std::size_t least, std::size_t most) {
    return least + below(most - least + 1);
  }
  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(below(1'000'000)) < probability * 1'000'000;
  }
  template <class T>
  [[nodiscard]] const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }
  /// The index of one of the weights, chosen in proportion to them.
  [[nodiscard]] std::size_t weighted(const std::vector<std::size_t>& weights) {
    std::size_t sum = 0;
    for (const std::size_t weight : weights) sum += weight;
    std::size_t chosen = below(sum);
    std::size_t index = 0;
    while (chosen >= weights[index]) chosen -= weights[index++];
    return index;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace receiver::test
