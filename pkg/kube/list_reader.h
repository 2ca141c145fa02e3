#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "json/value_cutter.h"
#include "kube/object_meta.h"

namespace receiver::kube {

/// The metadata of a page of a list.
struct ListPage {
  std::string resource_version;
  std::string continue_token;  ///< empty: the last page
};

/// Splits the body of a list, `{"metadata":{…},"items":[…],…}` with its members in any order, into
/// its items as it arrives. At most one item is buffered.
class ListReader {
 public:
  /// One item of the list.
  struct Item {
    std::size_t position;   ///< position in this page, from 0
    std::string_view json;  ///< valid during the call; for an item that is too large, its beginning
    bool too_large;         ///< larger than the limit of an object
  };
  using OnItem = std::function<void(const Item&)>;

  explicit ListReader(OnItem on_item, std::size_t max_item_bytes = kMaxObjectBytes);

  /// Takes the next piece of the body. The error, which is final, says where it is not a list.
  tl::expected<void, std::string> feed(std::string_view piece);
  /// Call at the end of the body.
  [[nodiscard]] tl::expected<ListPage, std::string> finish() const;

 private:
  enum class Expect {
    kList,
    kNameOrEnd,
    kName,
    kColon,
    kValue,
    kNextNameOrEnd,
    kItemOrEnd,
    kItem,
    kNextItemOrEnd,
    kNothing
  };

  void step(std::string_view& text);
  void take_name(std::string_view& text);
  void take_value(std::string_view& text);
  void take_item(std::string_view& text);
  /// `text` is what follows the metadata.
  void read_metadata(std::string_view text);
  /// Removes one character from `text`, if it is the expected one, and continues with `next`.
  bool take(std::string_view& text, char sign, Expect next);
  void fail(std::string_view problem, std::string_view text);

  OnItem on_item_;
  json::ValueCutter items_;
  json::ValueCutter values_;
  Expect expect_ = Expect::kList;
  std::string name_;  ///< of the current member
  std::size_t position_ = 0;
  std::size_t end_of_piece_ = 0;  ///< in the body
  bool seen_items_ = false;
  ListPage page_;
  std::string error_;
};

}  // namespace receiver::kube
