// The bodies of lists, as they arrive in pieces.

#include <optional>
#include <string>

#include "json/json.h"
#include "kube/list_reader.h"
#include "kube/object_meta.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

constexpr std::size_t kMaxItemBytes = 600;

struct Read {
  std::string transcript;
  std::size_t items = 0;
  std::optional<kube::ListPage> page;
};

Read read(std::string_view list, const Cut& cut) {
  Read result;
  kube::ListReader reader(
      [&](const kube::ListReader::Item& item) {
        require(item.position == result.items++, "items are counted");
        require(item.json.size() <= kMaxItemBytes, "an item is bounded");
        result.transcript += item.too_large
                                 ? "too large: " + kube::key_in_beginning(item.json).str() + "\n"
                                 : std::string(item.json) + "\n";
      },
      kMaxItemBytes);
  while (!list.empty()) {
    const std::string piece(list.substr(0, cut(list.size())));  // gone after the call
    list.remove_prefix(piece.size());
    if (const auto fed = reader.feed(piece); !fed) {
      result.transcript += fed.error();
      require(!reader.finish(), "what is no list does not end well");
      return result;
    }
  }
  const auto page = reader.finish();
  if (page) {
    result.page = *page;
    result.transcript += page->resource_version + " " + page->continue_token;
  } else {
    result.transcript += page.error();
  }
  return result;
}

/// The same, with the parser that needs the whole text. The reader may accept more: it only finds
/// the ends of values, and the objects' own parser checks them.
void compare_with_parser(std::string_view list, const Read& streamed) {
  const auto document = json::parse(list);
  if (!document || !streamed.page) return;
  const auto* items = json::find(*document, "/items");
  if (items == nullptr || !items->IsArray()) return;
  require(streamed.items >= items->Size(), "the parser sees no item that the reader does not");
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<Read> whole;
  for_each_cut(input, [&](const Cut& cut) {
    Read result = read(input, cut);
    if (!whole) {
      whole = std::move(result);
    } else {
      require_equal(result.transcript, whole->transcript,
                    "what a list holds does not depend on how it is cut");
    }
  });
  compare_with_parser(input, *whole);
}

}  // namespace receiver::fuzz
