// What the paths of histories are made of.

#include "test/differential/history.h"

namespace receiver::test {

const std::vector<std::string>& usual_folders() {
  static const std::vector<std::string> folders{"",
                                                "apps",
                                                "apps/web",
                                                "apps/web/src",
                                                "apps/api",
                                                "apps/api/v1..2",
                                                "apps-old",
                                                "libs/core",
                                                "libs/core/deep/er/than/most",
                                                "docs",
                                                "charts/web/templates",
                                                "charts/api",
                                                "infra/prod",
                                                "infra/test",
                                                ".github/workflows",
                                                "a b"};
  return folders;
}

const std::vector<std::string>& usual_names() {
  static const std::vector<std::string> names{"main.go",     "main_test.go", "README.md", "x.txt",
                                              "values.yaml", "Chart.yaml",   ".env",      "a..b.md",
                                              "..hidden",    "[x]",          "*",         "web",
                                              "core",        "Dockerfile",   "run.sh",    "go.mod"};
  return names;
}

const std::vector<std::string>& odd_folders() {
  static const std::vector<std::string> folders{
      "\xc3\xbcn\xc3\xaf/\xc3\xa7ode",  // of two bytes a letter
      "apps/caf\xc3\xa9",
      "\xe6\x97\xa5\xe6\x9c\xac",  // three
      "apps/\xf0\x9f\x9a\x80",     // four
      "apps/\"web\"",
      "apps\\web",
      "docs/tab\there",
      "docs/line\nfeed",
      "docs/\x01\x7f\x1b",
      "docs/U+FFFD \xef\xbf\xbd"};
  return folders;
}

const std::vector<std::string>& odd_names() {
  static const std::vector<std::string> names{"caf\xc3\xa9.md", "\"quoted\".go", "back\\slash.txt",
                                              "\a\b\v\f\r.txt", "\xe2\x82\xac",  "{a,b}.go",
                                              "\xc2\x85next",   "e\xcc\x81.md",  " ",
                                              "#?&=%20"};
  return names;
}

}  // namespace receiver::test
