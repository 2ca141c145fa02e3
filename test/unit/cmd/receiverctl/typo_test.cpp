#include "cmd/receiverctl/typo.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {

TEST_CASE("the distance of two words is that of one slip of the keyboard after another") {
  struct Row {
    const char* left;
    const char* right;
    std::size_t distance;
  };
  for (const Row& row : std::vector<Row>{{"", "", 0},
                                         {"check", "check", 0},
                                         {"", "abc", 3},
                                         {"recievers", "receivers", 1},
                                         {"chek", "check", 1},
                                         {"checkk", "check", 1},
                                         {"chack", "check", 1},
                                         {"ab", "ba", 1},
                                         {"kitten", "sitting", 3}}) {
    INFO(row.left << " " << row.right);
    CHECK(edit_distance(row.left, row.right) == row.distance);
    CHECK(edit_distance(row.right, row.left) == row.distance);
  }
}

TEST_CASE("the nearest word is meant, if it is near") {
  const std::vector<std::string> known{"receivers", "register", "unregister", "url", "send"};
  struct Row {
    const char* word;
    const char* meant;
  };
  for (const Row& row : std::vector<Row>{{"recievers", "receivers"},
                                         {"Receivers", "receivers"},
                                         {"registr", "register"},
                                         {"unregistr", "unregister"},
                                         {"ulr", "url"},
                                         {"sen", "send"},
                                         {"regi", "register"},
                                         {"xyz", ""},
                                         {"s", ""},
                                         {"", ""}}) {
    INFO(row.word);
    CHECK(nearest(row.word, known) == row.meant);
  }
}

}  // namespace receiver::ctl
