#include "bitbucket_rest/webhook.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "git/url.h"
#include "log/printable.h"
#include "text/ascii.h"

namespace receiver::bitbucket_rest {
namespace {

constexpr std::size_t kPathDigits = 64;  // of a receiver's path
constexpr std::size_t kDigitsShown = 8;
constexpr std::size_t kMaxTextBytes = 500;

std::string path_of(std::string_view url) {
  const auto parsed = git::Url::parse(url);
  return parsed ? parsed->path : std::string();
}

/// In lower case, with its port.
std::string host_of(std::string_view url) {
  const auto parsed = git::Url::parse(url);
  return parsed ? text::ascii_lower(parsed->host) : std::string();
}

/// `BASEPATH/bitbucket/` of a receiver's path; empty if it is none.
std::string_view receivers_folder(std::string_view path) {
  if (path.size() < kPathDigits) return {};
  const std::string_view digits = path.substr(path.size() - kPathDigits);
  const std::string_view folder = path.substr(0, path.size() - kPathDigits);
  return folder.ends_with("/bitbucket/") && std::ranges::all_of(digits, text::is_hex_digit)
             ? folder
             : std::string_view();
}

/// How surely a webhook is the receiver's own; 0: it is not.
int ownership(const Webhook& webhook, const WantedWebhook& wanted) {
  const std::string path = path_of(webhook.url);
  if (!path.empty() && path == path_of(wanted.url)) return 3;
  if (!path.empty() && wanted.former_url && path == path_of(*wanted.former_url)) return 2;
  const bool same_name = webhook.title == wanted.title;
  return same_name && host_of(webhook.url) == host_of(wanted.url) ? 1 : 0;
}

std::vector<const Webhook*> own_webhooks(const std::vector<Webhook>& existing,
                                         const WantedWebhook& wanted) {
  std::vector<const Webhook*> own;
  for (const Webhook& webhook : existing) {
    if (ownership(webhook, wanted) > 0) own.push_back(&webhook);
  }
  std::ranges::stable_sort(own, std::greater(),
                           [&](const Webhook* webhook) { return ownership(*webhook, wanted); });
  return own;
}

std::string shown(const std::vector<std::string>& events) {
  return fmt::format("{}", fmt::join(std::set<std::string>(events.begin(), events.end()), ", "));
}

std::string_view shown(bool active) {
  return active ? "yes" : "no";
}

/// What Bitbucket calls a webhook, fit for people: its number and its title.
std::string shown(const Webhook& webhook, const WantedWebhook& wanted) {
  const std::string_view secret = wanted.secret.view();
  return fmt::format("{} ({})", masked_text(webhook.id, secret),
                     masked_text(webhook.title, secret));
}

std::vector<Difference> differences_of(const Webhook* from, const Webhook& to) {
  std::vector<Difference> differences;
  const std::string_view secret = to.secret ? to.secret->view() : std::string_view();
  const auto compare = [&](std::string_view field, std::string was, std::string is) {
    if (from != nullptr && was == is) return;
    if (field != "url") was = masked_text(was, secret);
    differences.push_back({field, std::move(was), std::move(is)});
  };
  compare("title", from != nullptr ? from->title : "", to.title);
  compare("url", from != nullptr ? from->url : "", to.url);
  compare("events", from != nullptr ? shown(from->events) : "", shown(to.events));
  compare("active", from != nullptr ? std::string(shown(from->active)) : "",
          std::string(shown(to.active)));
  return differences;
}

/// Why the secret has to be written; empty if it need not.
std::string secret_difference(const Webhook* existing, const WantedWebhook& wanted, bool always) {
  if (existing == nullptr) return "set";
  if (existing->secret && existing->secret->empty()) return "set (there was none)";
  if (existing->secret && !(*existing->secret == wanted.secret)) return "changed";
  if (path_of(existing->url) != path_of(wanted.url)) return "changed, as the URL";
  return always ? "set again" : "";
}

void note_others(const std::vector<Webhook>& existing, const std::vector<const Webhook*>& own,
                 const WantedWebhook& wanted, std::vector<std::string>& notes) {
  for (std::size_t i = 1; i < own.size(); ++i) {
    notes.push_back(
        fmt::format("webhook {} is this receiver's too: delete it, or pushes are delivered twice",
                    shown(*own[i], wanted)));
  }
  if (!own.empty()) return;
  const std::string path = path_of(wanted.url);
  const std::string_view folder = receivers_folder(path);
  for (const Webhook& webhook : existing) {
    if (webhook.title == wanted.title) {
      const std::string host = masked_text(host_of(webhook.url), wanted.secret.view());
      notes.push_back(fmt::format(
          "webhook {} has this receiver's title, but leads to {}: if no other cluster of yours is "
          "there, delete it",
          shown(webhook, wanted), host.empty() ? "no host" : host));
      continue;
    }
    const std::string other = path_of(webhook.url);
    if (folder.empty() || receivers_folder(other) != folder) continue;
    notes.push_back(fmt::format(
        "webhook {} leads to another receiver, or to a former secret of this one: in the latter "
        "case delete it",
        shown(webhook, wanted)));
  }
}

}  // namespace

std::string webhook_title(std::string_view project, std::string_view receiver) {
  return project.empty() ? fmt::format("Kargo {}", receiver)
                         : fmt::format("Kargo {}/{}", project, receiver);
}

std::vector<std::string> wanted_events(bitbucket::Source product, bool pull_requests,
                                       const std::vector<std::string>& existing) {
  std::vector<std::string> events;
  for (const bitbucket::Event& event : bitbucket::kEvents) {
    if (event.kind.source != product) continue;
    const bool of_push = event.kind.action == bitbucket::Action::kRefreshWarehouses;
    const bool there = std::ranges::find(existing, event.key) != existing.end();
    if (of_push || pull_requests || there) events.emplace_back(event.key);
  }
  return events;
}

Plan plan_webhook(bitbucket::Source product, const std::vector<Webhook>& existing,
                  const WantedWebhook& wanted, bool always) {
  const auto own = own_webhooks(existing, wanted);
  const Webhook* was = own.empty() ? nullptr : own.front();
  Plan plan;
  plan.webhook = was != nullptr ? *was : Webhook{};
  plan.webhook.title = wanted.title;
  plan.webhook.url = wanted.url;
  plan.webhook.events = wanted_events(product, wanted.pull_requests, plan.webhook.events);
  plan.webhook.active = true;
  plan.webhook.secret = wanted.secret;
  plan.differences = differences_of(was, plan.webhook);
  const std::string secret = secret_difference(was, wanted, always);
  if (!secret.empty()) plan.differences.push_back({"secret", "", secret});
  if (was == nullptr) {
    plan.action = Action::kCreate;
  } else if (!plan.differences.empty()) {
    plan.action = Action::kUpdate;
  }
  note_others(existing, own, wanted, plan.notes);
  return plan;
}

std::string masked_url(std::string_view url) {
  const auto parsed = git::Url::parse(url);
  if (!parsed || parsed->host.empty()) return "…";
  const std::string_view folder = receivers_folder(parsed->path);
  const std::string_view digits = std::string_view(parsed->path).substr(folder.size());
  return fmt::format(
      "{}://{}{}…", parsed->scheme, masked_text(parsed->host, ""),
      folder.empty() ? "/" : fmt::format("{}{}", folder, digits.substr(0, kDigitsShown)));
}

std::string masked_text(std::string_view text, std::string_view secret) {
  std::string masked;
  while (!text.empty()) {
    if (masked.size() >= kMaxTextBytes) return masked + "…";
    if (!secret.empty() && text.starts_with(secret)) {
      masked += "…";
      text.remove_prefix(secret.size());
      continue;
    }
    const auto digits =
        static_cast<std::size_t>(std::ranges::find_if_not(text, text::is_hex_digit) - text.begin());
    if (digits >= kPathDigits / 2) {
      masked += text.substr(0, kDigitsShown);
      masked += "…";
      text.remove_prefix(digits);
      continue;
    }
    text.remove_prefix(log::append_printable(masked, text));
  }
  return masked;
}

}  // namespace receiver::bitbucket_rest
