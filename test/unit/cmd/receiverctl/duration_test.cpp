#include "cmd/receiverctl/duration.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {

using namespace std::chrono_literals;

TEST_CASE("an option's time is as Go writes it, or in seconds") {
  struct Row {
    const char* text;
    std::optional<std::chrono::milliseconds> time;
  };
  for (const Row& row :
       {Row{"0", 0s}, Row{"5", 5s}, Row{"250ms", 250ms}, Row{"90s", 90s}, Row{"1m30s", 90s},
        Row{"1.5h", 90min}, Row{"", {}}, Row{"s", {}}, Row{"-1s", {}}, Row{"5 s", {}},
        Row{"1m30", {}}, Row{"soon", {}}, Row{"99999999999999999999", {}}}) {
    CAPTURE(row.text);
    CHECK(read_duration(row.text) == row.time);
  }
}

}  // namespace receiver::ctl
