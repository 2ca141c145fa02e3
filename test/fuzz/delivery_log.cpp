// What receiverctl reads of the operator's log, in which strangers' texts stand.

#include "cmd/receiverctl/delivery_log.h"

#include <string>
#include <vector>

#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::string_view first, std::string_view second) {
  Lines lines;
  ctl::LineCutter cutter([&](std::string_view line) { lines.emplace_back(line); });
  cutter.feed(first);
  cutter.feed(second);
  cutter.end();
  return lines;
}

}  // namespace

void fuzz(std::string_view input) {
  const Lines lines = lines_of(input, {});
  const std::size_t half = input.size() / 2;
  require(lines == lines_of(input.substr(0, half), input.substr(half)),
          "lines are the same, however they arrive");
  for (const std::string& line : lines) {
    require(line.size() <= ctl::kMaxLogLineBytes, "lines are bounded");
    const auto delivery = ctl::read_log_line(line);
    if (!delivery) continue;
    require(ctl::time_of_log_line(delivery->time + " ").has_value(), "a delivery has its time");
    require(!delivery->outcome.empty() || delivery->message.empty(), "a message is of a refusal");
    require(ctl::is_wanted(*delivery, {"", "", delivery->id}), "a delivery is found by its id");
    (void)ctl::result_of(*delivery);
  }
}

}  // namespace receiver::fuzz
