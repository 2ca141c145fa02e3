#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace receiver::test {

/// For an even number, the mean of the two in the middle; zero if there are none.
template <typename Value>
[[nodiscard]] Value median(std::vector<Value> values) {
  if (values.empty()) return Value();
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace receiver::test
