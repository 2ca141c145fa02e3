#include "controllers/status_conflict.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "git/repository.h"

namespace receiver::controllers {
namespace {

using Entries = std::vector<api::PublishedReceiver>;
using Conditions = std::vector<api::Condition>;

/// A URL of a receiver: ORIGIN BASEPATH /TYPE/HEX. Without user info.
struct ReceiverUrl {
  std::string origin, base_path;

  explicit ReceiverUrl(std::string_view url) {
    const std::string shown = git::redacted(url);
    const std::size_t scheme = shown.find("://");
    const std::size_t path = scheme == std::string::npos ? scheme : shown.find('/', scheme + 3);
    origin = shown.substr(0, path);
    if (path == std::string::npos) return;
    base_path = shown.substr(path);
    for (int segment = 0; segment < 2; ++segment) {
      base_path.resize(std::min(base_path.size(), base_path.rfind('/')));
    }
  }
};

std::string base_difference(const std::string& theirs, const BaseUrl& base) {
  const ReceiverUrl url(theirs);
  constexpr const char* kAdvice = "configure both with the same one, its path included";
  if (url.origin != base.origin) {
    return fmt::format("the other writer's base URL is {}, this operator's is {}; {}", url.origin,
                       base.origin, kAdvice);
  }
  if (url.base_path != base.path) {
    return fmt::format("both base URLs begin with {} and differ in their path; {}", base.origin,
                       kAdvice);
  }
  return {};
}

std::string entry_difference(const Entries& theirs, const Entries& ours) {
  for (const api::PublishedReceiver& our : ours) {
    const auto* const their = find_entry(theirs, our.name);
    if (their == nullptr) {
      return fmt::format("the other writer does not publish receiver \"{}\"", our.name);
    }
    if (their->url != our.url || their->path != our.path) {
      return fmt::format(
          "the entry of receiver \"{}\" has another path: perhaps the other writer reads another "
          "Secret",
          our.name);
    }
  }
  for (const api::PublishedReceiver& their : theirs) {
    if (find_entry(ours, their.name) == nullptr) {
      return fmt::format("the other writer publishes receiver \"{}\", which this operator does not",
                         their.name);
    }
  }
  return theirs == ours ? "" : "the entries of status.webhookReceivers differ";
}

std::string condition_difference(const Conditions& theirs, const Conditions& ours,
                                 const std::string& type) {
  const auto their = std::ranges::find(theirs, type, &api::Condition::type);
  const auto our = std::ranges::find(ours, type, &api::Condition::type);
  const auto shown = [](const Conditions& of, Conditions::const_iterator condition) {
    return condition == of.end() ? "absent"
                                 : fmt::format("{} ({})", condition->status, condition->reason);
  };
  const std::string their_text = shown(theirs, their), our_text = shown(ours, our);
  if (their_text != our_text) {
    return fmt::format("the condition {} is {} in the other writer's status, {} in this operator's",
                       type, their_text, our_text);
  }
  if (their == theirs.end() || *their == *our) return {};
  return fmt::format("the condition {} has another {}", type,
                     their->message == our->message ? "observedGeneration" : "message");
}

}  // namespace

const api::PublishedReceiver* find_entry(const std::vector<api::PublishedReceiver>& entries,
                                         std::string_view name) {
  const auto found = std::ranges::find(entries, name, &api::PublishedReceiver::name);
  return found == entries.end() ? nullptr : &*found;
}

bool StatusConflict::may_write(const std::string& value) {
  if (value != value_) {
    value_ = value;
    writes_ = 0;
  }
  given_up_ = writes_ >= kWrites;
  return !given_up_;
}

void StatusConflict::agreed(Time now) {
  if (given_up_ || (writes_ > 0 && now - last_write_ > kStands)) *this = {};
}

std::string status_difference(const api::OwnerStatus& theirs, const api::OwnerStatus& ours,
                              const BaseUrl& base) {
  for (const api::PublishedReceiver& our : ours.webhook_receivers) {
    const auto* const their = find_entry(theirs.webhook_receivers, our.name);
    if (their == nullptr || their->url == our.url) continue;
    if (auto difference = base_difference(their->url, base); !difference.empty()) return difference;
  }
  if (auto difference = entry_difference(theirs.webhook_receivers, ours.webhook_receivers);
      !difference.empty()) {
    return difference;
  }
  for (const Conditions* conditions : {&ours.conditions, &theirs.conditions}) {
    for (const api::Condition& condition : *conditions) {
      auto difference = condition_difference(theirs.conditions, ours.conditions, condition.type);
      if (!difference.empty()) return difference;
    }
  }
  return "observedGeneration or lastHandledRefresh differs";
}

}  // namespace receiver::controllers
