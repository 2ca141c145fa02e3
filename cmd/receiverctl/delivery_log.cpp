#include "cmd/receiverctl/delivery_log.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "json/json.h"
#include "text/ascii.h"
#include "webhook/outcome.h"

namespace receiver::ctl {
namespace {

using webhook::Outcome;

/// The fields of a line, as text; those of JSON that are numbers, too.
struct LogLine {
  std::string time;
  std::string message;
  std::map<std::string, std::string, std::less<>> fields;

  [[nodiscard]] std::string text(std::string_view key) const {
    const auto found = fields.find(key);
    return found == fields.end() ? std::string() : found->second;
  }
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key) const {
    return text::parse_number<std::int64_t>(text(key));
  }
};

std::optional<LogLine> read_json_line(std::string_view line) {
  const auto object = json::parse(line);
  if (!object || !object->IsObject()) return std::nullopt;
  LogLine read;
  read.time = json::string_at(*object, "/time");
  read.message = json::string_at(*object, "/msg");
  for (const auto& member : object->GetObject()) {
    read.fields.emplace(std::string(member.name.GetString(), member.name.GetStringLength()),
                        member.value.IsString()
                            ? std::string(member.value.GetString(), member.value.GetStringLength())
                            : json::to_text(member.value));
  }
  return read;
}

/// Takes the value at the beginning of `rest` away.
std::string take_value(std::string_view& rest) {
  std::string value;
  if (!rest.starts_with('"')) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    value = rest.substr(0, end);
    rest.remove_prefix(end);
    return value;
  }
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '"') {
    // Only quotes and backslashes are unescaped: other escapes stand for unprintable bytes.
    if (rest.size() > 1 && rest.front() == '\\' && (rest[1] == '"' || rest[1] == '\\')) {
      rest.remove_prefix(1);
    }
    value += rest.front();
    rest.remove_prefix(1);
  }
  if (!rest.empty()) rest.remove_prefix(1);
  return value;
}

/// `TIME LEVEL logger: message delivery=… key=value …`: the lines that are looked for begin their
/// fields with that one.
std::optional<LogLine> read_console_line(std::string_view line) {
  const std::size_t fields = line.find(" delivery=");
  const std::size_t time = line.find(' ');
  if (fields == std::string_view::npos || time >= fields) return std::nullopt;
  LogLine read;
  read.time = line.substr(0, time);
  std::string_view rest = line.substr(time, fields - time);
  const auto skip_word = [&rest] {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    return word;
  };
  (void)skip_word();  // the level
  const std::string_view before = rest;
  read.message = skip_word().ends_with(':') ? rest : before;
  rest = line.substr(fields);
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::size_t equals = rest.find('=');
    if (equals == std::string_view::npos) break;
    std::string key(rest.substr(0, equals));
    rest.remove_prefix(equals + 1);
    read.fields.emplace(std::move(key), take_value(rest));
  }
  return read;
}

std::vector<std::string_view> parts_of(std::string_view joined) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = std::min(joined.find(','), joined.size());
    parts.push_back(joined.substr(0, end));
    if (end == joined.size()) return parts;
    joined.remove_prefix(end + 1);
  }
}

std::string refreshed(const LoggedDelivery& delivery) {
  const std::string took =
      delivery.milliseconds ? fmt::format(" in {} ms", *delivery.milliseconds) : "";
  std::string text = fmt::format("{} refreshed{}", delivery.applied, took);
  if (delivery.spared > 0) {
    text += fmt::format(", {} spared: none of their files changed", delivery.spared);
  }
  return text;
}

std::string why_nothing(const LoggedDelivery& delivery) {
  if (delivery.url.empty()) return "nothing refreshed: the payload names no repository";
  if (delivery.spared > 0) {
    return fmt::format("nothing refreshed: it changed no file that any of {} Warehouse(s) selects",
                       delivery.spared);
  }
  return "nothing refreshed: no object subscribes to this; see `receiverctl explain`";
}

std::string reason_of(const LoggedDelivery& delivery) {
  const auto outcome = webhook::outcome_named(delivery.outcome);
  if (outcome == Outcome::kPing) return "a test of the connection";
  if (!outcome || !delivery.message.empty()) return delivery.message;
  switch (*outcome) {
    case Outcome::kOk:
      return delivery.applied > 0 ? refreshed(delivery) : why_nothing(delivery);
    case Outcome::kQueued:
      return fmt::format("{}; {} queued: the API server was slow, they are refreshed later",
                         refreshed(delivery), delivery.queued);
    case Outcome::kFailed:
      return fmt::format(
          "{}; {} rejected by the API server: the log names them in lines `refresh rejected`",
          refreshed(delivery), delivery.refused);
    case Outcome::kOverloaded:
      return "not accepted: the operator is at one of its limits; Bitbucket Cloud sends it again";
    case Outcome::kNotReady:
      return "not accepted: the operator has not read all objects yet; Bitbucket Cloud sends it "
             "again";
    case Outcome::kIgnoredEvent:
      return "the operator ignores this event";
    case Outcome::kBadBody:
      return "signed, but the payload cannot be read";
    case Outcome::kPing:
    case Outcome::kUnknownPath:
    case Outcome::kWrongMethod:
    case Outcome::kTooLarge:
    case Outcome::kMissingSignature:
    case Outcome::kBadSignature:
      break;  // their lines say why
  }
  return "";
}

}  // namespace

void LineCutter::feed(std::string_view piece) {
  for (std::size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    take(piece.substr(0, end));
    end_line();
    piece.remove_prefix(end + 1);
  }
  take(piece);
}

void LineCutter::end() {
  if (!line_.empty() || too_long_) end_line();
}

void LineCutter::take(std::string_view part) {
  too_long_ = too_long_ || line_.size() + part.size() > kMaxLogLineBytes;
  if (too_long_) {
    line_.clear();
  } else {
    line_ += part;
  }
}

void LineCutter::end_line() {
  if (!std::exchange(too_long_, false)) on_line_(line_);
  line_.clear();
}

std::optional<clock::Wall::time_point> time_of_log_line(std::string_view line) {
  constexpr std::string_view kJsonBegins = R"({"time":")";
  const bool is_json = line.starts_with(kJsonBegins);
  if (is_json) line.remove_prefix(kJsonBegins.size());
  return clock::parse_rfc3339(line.substr(0, line.find(is_json ? '"' : ' ')));
}

std::optional<LoggedDelivery> read_log_line(std::string_view line) {
  // Most lines of a busy operator's log are about other things: skip them cheaply.
  if (line.find("delivery") == std::string_view::npos) return std::nullopt;
  const auto read = line.starts_with('{') ? read_json_line(line) : read_console_line(line);
  if (!read || !read->fields.contains("delivery") || !read->fields.contains("receiver") ||
      !clock::parse_rfc3339(read->time)) {
    return std::nullopt;
  }
  LoggedDelivery delivery{.time = read->time,
                          .id = read->text("delivery"),
                          .event = read->text("event"),
                          .project = read->text("project"),
                          .receiver = read->text("receiver"),
                          .url = read->text("url"),
                          .outcome = read->text("outcome"),
                          .applied = read->number("applied").value_or(0),
                          .queued = read->number("queued").value_or(0),
                          .refused = read->number("refused").value_or(0),
                          .spared = read->number("spared").value_or(0),
                          .milliseconds = read->number("duration_ms"),
                          .similar = read->number("suppressed").value_or(0)};
  if (!read->fields.contains("applied")) delivery.message = read->message;
  if (delivery.outcome.empty()) {  // the body did not arrive, or a release before 0.2.0 wrote it
    delivery.outcome = read->message == "ping" ? "ping" : "refused";
  }
  return delivery;
}

std::string result_of(const LoggedDelivery& delivery) {
  const std::string text = reason_of(delivery);
  return delivery.similar > 0 ? fmt::format("{} (and {} like it before)", text, delivery.similar)
                              : text;
}

bool is_wanted(const LoggedDelivery& delivery, const DeliveryFilter& filter) {
  if (!filter.id.empty() && delivery.id != filter.id) return false;
  if (filter.project.empty() && filter.receiver.empty()) return true;
  const auto projects = parts_of(delivery.project);
  const auto receivers = parts_of(delivery.receiver);
  for (std::size_t i = 0; i < std::min(projects.size(), receivers.size()); ++i) {
    const bool of_project = filter.project.empty() || projects[i] == filter.project;
    const bool of_receiver = filter.receiver.empty() || receivers[i] == filter.receiver;
    if (of_project && of_receiver) return true;
  }
  return false;
}

void NewestDeliveries::add(LoggedDelivery delivery) {
  ++added_;
  kept_.push_back(std::move(delivery));
  if (kept_.size() >= 2 * most_ + 1) drop_older();
}

std::vector<LoggedDelivery> NewestDeliveries::take() {
  drop_older();
  return std::move(kept_);
}

void NewestDeliveries::drop_older() {
  std::ranges::stable_sort(kept_, {}, &LoggedDelivery::time);
  if (kept_.size() <= most_) return;
  kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(most_));
}

}  // namespace receiver::ctl
