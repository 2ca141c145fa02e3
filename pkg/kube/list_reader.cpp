#include "kube/list_reader.h"

#include <utility>

#include <fmt/format.h>

#include "json/json.h"
#include "json/scan.h"

namespace receiver::kube {
namespace {

/// Members of the list other than its items. This is more than any continue token needs.
constexpr std::size_t kMaxValueBytes = 64 * 1024;

}  // namespace

ListReader::ListReader(OnItem on_item, std::size_t max_item_bytes)
    : on_item_(std::move(on_item)), items_(max_item_bytes), values_(kMaxValueBytes) {}

tl::expected<void, std::string> ListReader::feed(std::string_view piece) {
  end_of_piece_ += piece.size();
  std::string_view text = piece;
  while (error_.empty() && !text.empty()) {
    // White space within a value is part of it.
    if (!items_.open() && !values_.open()) text = json::skip_space(text);
    if (!text.empty()) step(text);
  }
  if (!error_.empty()) return tl::unexpected(error_);
  return {};
}

tl::expected<ListPage, std::string> ListReader::finish() const {
  if (!error_.empty()) return tl::unexpected(error_);
  if (expect_ != Expect::kNothing) {
    return tl::unexpected(fmt::format("the list ends early, after {} bytes", end_of_piece_));
  }
  if (!seen_items_) return tl::unexpected(std::string("the list has no items member"));
  if (page_.resource_version.empty()) {
    return tl::unexpected(std::string("the list has no metadata.resourceVersion"));
  }
  return page_;
}

void ListReader::step(std::string_view& text) {
  switch (expect_) {
    case Expect::kList:
      if (!take(text, '{', Expect::kNameOrEnd)) fail("an object is expected", text);
      return;
    case Expect::kNameOrEnd:
      if (!take(text, '}', Expect::kNothing)) take_name(text);
      return;
    case Expect::kName:
      take_name(text);
      return;
    case Expect::kColon:
      if (!take(text, ':', Expect::kValue)) fail("a colon is missing", text);
      return;
    case Expect::kValue:
      take_value(text);
      return;
    case Expect::kNextNameOrEnd:
      if (!take(text, ',', Expect::kName) && !take(text, '}', Expect::kNothing)) {
        fail("a comma or } is missing", text);
      }
      return;
    case Expect::kItemOrEnd:
      if (!take(text, ']', Expect::kNextNameOrEnd)) take_item(text);
      return;
    case Expect::kItem:
      take_item(text);
      return;
    case Expect::kNextItemOrEnd:
      if (!take(text, ',', Expect::kItem) && !take(text, ']', Expect::kNextNameOrEnd)) {
        fail("a comma or ] is missing", text);
      }
      return;
    case Expect::kNothing:
      fail("there is text after the end", text);
      return;
  }
}

void ListReader::take_name(std::string_view& text) {
  expect_ = Expect::kName;
  if (!values_.open() && text.front() != '"') {
    fail("a member's name is missing", text);
  } else if (values_.take(text)) {
    name_ = values_.value();
    expect_ = Expect::kColon;
  }
}

void ListReader::take_value(std::string_view& text) {
  if (!values_.open()) {
    if (json::ends_scalar(text.front())) return fail("a value is missing", text);
    if (name_ == R"("items")") {
      seen_items_ = true;
      if (take(text, '[', Expect::kItemOrEnd)) return;
      if (text.front() != 'n') return fail("items is neither an array nor null", text);
    }
  }
  if (!values_.take(text)) return;
  expect_ = Expect::kNextNameOrEnd;
  if (name_ == R"("metadata")") read_metadata(text);
}

void ListReader::take_item(std::string_view& text) {
  expect_ = Expect::kItem;
  if (!items_.open() && json::ends_scalar(text.front())) return fail("an item is missing", text);
  if (!items_.take(text)) return;
  expect_ = Expect::kNextItemOrEnd;
  on_item_({.position = position_++, .json = items_.value(), .too_large = items_.too_large()});
  items_.release();
}

void ListReader::read_metadata(std::string_view text) {
  static const json::Projection used = {"/resourceVersion", "/continue"};
  if (values_.too_large()) return fail("metadata is too large", text);
  const auto metadata = json::parse(values_.value(), used);
  if (!metadata) return fail("metadata: " + metadata.error(), text);
  page_.resource_version = json::string_at(*metadata, "/resourceVersion");
  page_.continue_token = json::string_at(*metadata, "/continue");
}

bool ListReader::take(std::string_view& text, char sign, Expect next) {
  if (text.front() != sign) return false;
  text.remove_prefix(1);
  expect_ = next;
  return true;
}

void ListReader::fail(std::string_view problem, std::string_view text) {
  error_ = fmt::format("not a list: {} at byte {}", problem, end_of_piece_ - text.size());
}

}  // namespace receiver::kube
