// parse_payload: one pass over the text, in which only the few strings of interest are kept. No
// document is built, the parser does not recurse, and nesting is bounded.

#include <array>
#include <charconv>
#include <span>
#include <utility>

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "bitbucket/event.h"

namespace receiver::bitbucket {
namespace {

constexpr std::size_t kMaxDepth = 100;

/// A place in a payload that something of interest is at, or below.
enum class Place : std::uint8_t {
  kElsewhere,
  kRoot,
  kRepository,
  kPullRequest,
  kLinks,
  kLink,  // An object with a URL.
  kLinkList,
  kUrl,
  kPush,
  kChanges,
  kChange,
  kNew,
  kNewType,
  kNewName,
  kOld,
  kOldType,
  kOldName,
  kRef,
  kRefId,
  kRefLimitExceeded,
};

bool is_list(Place place) {
  return place == Place::kLinkList || place == Place::kChanges;
}

/// From an object at `from`, the member `member` is at `to`. From a list, so is each element.
struct Step {
  Place from;
  std::string_view member;
  Place to;
};

constexpr std::string_view kEach;

constexpr std::array kCloudPush{
    Step{Place::kRoot, "repository", Place::kRepository},
    Step{Place::kRepository, "links", Place::kLinks},
    Step{Place::kLinks, "html", Place::kLink},
    Step{Place::kLink, "href", Place::kUrl},
    Step{Place::kRoot, "push", Place::kPush},
    Step{Place::kPush, "changes", Place::kChanges},
    Step{Place::kChanges, kEach, Place::kChange},
    Step{Place::kChange, "new", Place::kNew},
    Step{Place::kNew, "type", Place::kNewType},
    Step{Place::kNew, "name", Place::kNewName},
    Step{Place::kChange, "old", Place::kOld},
    Step{Place::kOld, "type", Place::kOldType},
    Step{Place::kOld, "name", Place::kOldName},
};

constexpr std::array kDataCenterPush{
    Step{Place::kRoot, "repository", Place::kRepository},
    Step{Place::kRepository, "links", Place::kLinks},
    Step{Place::kLinks, "clone", Place::kLinkList},
    Step{Place::kLinkList, kEach, Place::kLink},
    Step{Place::kLink, "href", Place::kUrl},
    Step{Place::kRoot, "changes", Place::kChanges},
    Step{Place::kChanges, kEach, Place::kChange},
    Step{Place::kChange, "ref", Place::kRef},
    Step{Place::kRef, "id", Place::kRefId},
    Step{Place::kRoot, "refLimitExceeded", Place::kRefLimitExceeded},
};

constexpr std::array kCloudPullRequest{
    Step{Place::kRoot, "pullrequest", Place::kPullRequest},
    Step{Place::kPullRequest, "links", Place::kLinks},
    Step{Place::kLinks, "html", Place::kLink},
    Step{Place::kLink, "href", Place::kUrl},
};

constexpr std::array kDataCenterPullRequest{
    Step{Place::kRoot, "pullRequest", Place::kPullRequest},
    Step{Place::kPullRequest, "links", Place::kLinks},
    Step{Place::kLinks, "self", Place::kLinkList},
    Step{Place::kLinkList, kEach, Place::kLink},
    Step{Place::kLink, "href", Place::kUrl},
};

std::span<const Step> steps_of(EventKind kind) {
  const bool cloud = kind.source == Source::kCloud;
  if (kind.action == Action::kRefreshWarehouses) {
    return cloud ? std::span<const Step>(kCloudPush) : kDataCenterPush;
  }
  return cloud ? std::span<const Step>(kCloudPullRequest) : kDataCenterPullRequest;
}

/// One end of a Cloud change: what the ref was before the push, or is after it.
struct CloudRef {
  bool present = false;
  std::string type;
  std::string name;

  [[nodiscard]] std::string full_name() const {
    if (name.empty()) return {};
    return (type == "tag" ? "refs/tags/" : "refs/heads/") + name;
  }
};

struct Change {
  CloudRef after;
  CloudRef before;
  std::string data_center_ref;

  /// Empty if it cannot be read.
  [[nodiscard]] std::string ref() const {
    if (after.present) return after.full_name();
    if (before.present) return before.full_name();
    return data_center_ref.starts_with("refs/") ? data_center_ref : std::string();
  }
};

/// Receives what the parser sees, in order. Returning false ends the parse.
class Extractor : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Extractor> {
 public:
  explicit Extractor(std::span<const Step> steps) : steps_(steps) {}

  bool Null() { return scalar({}); }
  bool Bool(bool value) {
    const Place place = next_place();
    if (place == Place::kRefLimitExceeded && value) refs_unknown_ = true;
    return at(place);
  }
  bool RawNumber(const char* /*digits*/, rapidjson::SizeType /*size*/, bool /*copy*/) {
    return scalar({});
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    return scalar({text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    member_ = step({text, size});
    return true;
  }
  bool StartObject() { return start(false); }
  bool StartArray() { return start(true); }
  bool EndObject(rapidjson::SizeType /*members*/) {
    if (places_.at(depth_) == Place::kChange) end_change();
    return end();
  }
  bool EndArray(rapidjson::SizeType /*elements*/) { return end(); }

  [[nodiscard]] bool is_object() const { return is_object_; }
  [[nodiscard]] bool is_too_deep() const { return depth_ == kMaxDepth; }

  [[nodiscard]] std::vector<std::string> take_urls() { return std::move(urls_); }
  [[nodiscard]] std::vector<std::string> take_refs() {
    return refs_unknown_ ? std::vector<std::string>() : std::move(refs_);
  }

 private:
  [[nodiscard]] Place step(std::string_view member) const {
    const Place from = places_.at(depth_);
    for (const Step& step : steps_) {
      if (step.from == from && step.member == member) return step.to;
    }
    return Place::kElsewhere;
  }

  [[nodiscard]] Place next_place() const {
    if (depth_ == 0) return Place::kRoot;
    return in_list_.at(depth_) ? step(kEach) : member_;
  }

  /// A value that has nothing below it, of no interest unless it is a string.
  bool scalar(std::string_view text) {
    const Place place = next_place();
    switch (place) {
      case Place::kUrl:
        if (!text.empty() && urls_.size() < kMaxUrls) urls_.emplace_back(text);
        break;
      case Place::kNewType:
        change_.after.type = text;
        break;
      case Place::kNewName:
        change_.after.name = text;
        break;
      case Place::kOldType:
        change_.before.type = text;
        break;
      case Place::kOldName:
        change_.before.name = text;
        break;
      case Place::kRefId:
        change_.data_center_ref = text;
        break;
      default:
        break;
    }
    return at(place);
  }

  /// What a value's mere presence at a place means, if it is not of the type expected there.
  bool at(Place place) {
    if (place == Place::kChange) refs_unknown_ = true;
    return depth_ > 0;
  }

  bool start(bool list) {
    const Place place = next_place();
    if (depth_ == 0) {
      is_object_ = !list;
      if (list) return false;
    }
    if (++depth_ == kMaxDepth) return false;
    in_list_.at(depth_) = list;
    const bool expected = is_list(place) == list;
    places_.at(depth_) = expected ? place : Place::kElsewhere;
    if (expected && place == Place::kChange) change_ = {};
    if (expected && place == Place::kNew) change_.after = {.present = true, .type = {}, .name = {}};
    if (expected && place == Place::kOld)
      change_.before = {.present = true, .type = {}, .name = {}};
    return expected || at(place);
  }

  bool end() {
    --depth_;
    return true;
  }

  void end_change() {
    std::string ref = change_.ref();
    if (ref.empty() || refs_.size() == kMaxRefs) {
      refs_unknown_ = true;
    } else {
      refs_.push_back(std::move(ref));
    }
  }

  std::span<const Step> steps_;
  std::size_t depth_ = 0;
  std::array<Place, kMaxDepth + 1> places_{};
  std::array<bool, kMaxDepth + 1> in_list_{};
  Place member_ = Place::kElsewhere;
  bool is_object_ = false;

  Change change_;
  bool refs_unknown_ = false;
  std::vector<std::string> refs_;
  std::vector<std::string> urls_;
};

struct Outcome {
  rapidjson::ParseErrorCode code = rapidjson::kParseErrorNone;
  std::size_t offset = 0;
};

Outcome read(std::string_view body, Extractor& extractor) {
  // Numbers as text: none is of interest, so none need be converted.
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, extractor);
  if (result.IsError()) return {result.Code(), result.Offset()};
  // The parser takes a NUL for the end.
  if (stream.Tell() != body.size()) {
    return {rapidjson::kParseErrorDocumentRootNotSingular, stream.Tell()};
  }
  return {};
}

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

/// The code unit of the `\uXXXX` that the text begins with; zero if it does not.
unsigned unicode_escape(std::string_view text) {
  unsigned unit = 0;
  if (text.size() < 6 || !text.starts_with("\\u")) return 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  return error == std::errc() && end == text.data() + 6 ? unit : 0;
}

/// The same JSON, valid or not, without the two things that are legal but that RapidJSON refuses:
/// numbers beyond a double, and halves of surrogate pairs. Both can stand in a commit message or a
/// plugin's field that nobody reads.
std::string without_refused(std::string_view body) {
  constexpr std::size_t kKeptDigits = 2;
  std::string kept;
  kept.reserve(body.size());
  bool in_string = false;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char character = body[i];
    if (in_string && character == '\\') {
      const unsigned unit = unicode_escape(body.substr(i));
      const bool high = unit >= 0xD800 && unit <= 0xDBFF;
      const unsigned next = high ? unicode_escape(body.substr(i + 6)) : 0;
      const bool paired = next >= 0xDC00 && next <= 0xDFFF;
      const std::size_t length = paired ? 12 : high ? 6 : 2;
      kept += high && !paired ? std::string_view("\\uFFFD") : body.substr(i, length);
      i += length - 1;
      continue;
    }
    if (character == '"') in_string = !in_string;
    digits = !in_string && is_digit(character) ? digits + 1 : 0;
    if (digits <= kKeptDigits) kept += character;
  }
  return kept;
}

tl::unexpected<std::string> failure(std::string what) {
  return tl::unexpected<std::string>("the body is not a JSON object: " + std::move(what));
}

}  // namespace

tl::expected<Payload, std::string> parse_payload(EventKind kind, std::string_view body) {
  const std::span<const Step> steps = steps_of(kind);
  Extractor extractor(steps);
  Outcome outcome = read(body, extractor);
  if (outcome.code == rapidjson::kParseErrorNumberTooBig ||
      outcome.code == rapidjson::kParseErrorStringUnicodeSurrogateInvalid) {
    extractor = Extractor(steps);
    outcome = read(without_refused(body), extractor);
  }
  if (outcome.code == rapidjson::kParseErrorTermination) {
    if (extractor.is_too_deep()) {
      return failure("it nests deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    return failure("it is another kind of value");
  }
  if (outcome.code != rapidjson::kParseErrorNone) {
    return failure(std::string(rapidjson::GetParseError_En(outcome.code)) + " At byte " +
                   std::to_string(outcome.offset) + ".");
  }
  if (kind.action == Action::kRefreshPromotions) return PullRequest{extractor.take_urls()};
  return Push{extractor.take_urls(), extractor.take_refs()};
}

}  // namespace receiver::bitbucket
