#include "bitbucket_rest/webhook_plan.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "git/url.h"
#include "text/ascii.h"

namespace receiver::bitbucket_rest {
namespace {

constexpr std::size_t kMaxTitleBytes = 255;

enum class Place : std::uint8_t { kCurrent, kFormer, kElsewhere };

/// One of the receiver's own webhooks.
struct Own {
  const Webhook* webhook;
  Place place;
  bool marked;
};

Place place_in(const Webhook& webhook, const WantedWebhook& wanted) {
  const std::string place = place_of(webhook.url);
  if (place == place_of(wanted.url)) return Place::kCurrent;
  return wanted.former_url && place == place_of(*wanted.former_url) ? Place::kFormer
                                                                    : Place::kElsewhere;
}

std::string shown(const std::vector<std::string>& events) {
  return fmt::format("{}", fmt::join(std::set<std::string>(events.begin(), events.end()), ", "));
}

/// What Bitbucket calls a webhook, fit for people: its number and its title.
std::string shown(const Webhook& webhook, const WantedWebhook& wanted) {
  const std::string_view secret = wanted.secret.view();
  return fmt::format("{} ({})", masked_text(webhook.id, secret),
                     masked_text(webhook.title, secret));
}

/// Why the deliveries of an inherited webhook are not enough for the receiver; empty if they are.
/// It is not corrected here.
std::string shortcoming(bitbucket::Source product, const Webhook& webhook,
                        const WantedWebhook& wanted) {
  const auto all = wanted_events(product, wanted.pull_requests, webhook.events);
  const std::vector<std::string> lacking(all.begin() + std::ssize(webhook.events), all.end());
  if (!lacking.empty()) return "lacks the events " + shown(lacking);
  if (!webhook.secret || *webhook.secret == wanted.secret) return {};
  return webhook.secret->empty() ? "has no secret" : "has another secret";
}

using Listed = std::vector<const Webhook*>;

/// All of them, each once.
Listed listed(const std::vector<Webhook>& existing, const std::vector<Webhook>& inherited) {
  Listed all;
  all.reserve(existing.size() + inherited.size());
  for (const Webhook& webhook : existing) all.push_back(&webhook);
  for (const Webhook& webhook : inherited) {
    if (std::ranges::count(existing, webhook.id, &Webhook::id) == 0) all.push_back(&webhook);
  }
  return all;
}

/// The one to keep comes first: one that delivers to the right place, then one that may be written;
/// of equal ones the older.
std::vector<Own> own_webhooks(bitbucket::Source product, const Listed& all,
                              const WantedWebhook& wanted) {
  std::vector<Own> own;
  for (const Webhook* webhook : all) {
    const Own one{webhook, place_in(*webhook, wanted), is_marked(*webhook, wanted)};
    // An inherited webhook cannot be moved or corrected: it counts only if it needs no change. If
    // somebody switched it off, it stays off.
    const bool ours = webhook->inherited
                          ? one.place == Place::kCurrent &&
                                (!webhook->active || shortcoming(product, *webhook, wanted).empty())
                          : one.place != Place::kElsewhere || one.marked;
    if (ours) own.push_back(one);
  }
  std::ranges::sort(own, {}, [](const Own& one) {
    const Webhook& webhook = *one.webhook;
    return std::tuple(!webhook.active, one.place, webhook.inherited, !one.marked, webhook.made,
                      webhook.id);
  });
  return own;
}

std::string shown_base(std::string_view url) {
  const auto parsed = git::Url::parse(url);
  return parsed && !parsed->host.empty() ? masked_url(url) : "no host";
}

std::string with_mark(const std::string& title, const WantedWebhook& wanted) {
  const std::string marked = title + " " + wanted.mark;
  const bool there = title.find(wanted.mark) != std::string::npos;
  return there || marked.size() > kMaxTitleBytes ? title : marked;
}

/// The webhook as wanted; other settings stay.
Webhook put_right(bitbucket::Source product, Webhook webhook, const WantedWebhook& wanted) {
  webhook.title = with_mark(webhook.title.empty() ? wanted.name : webhook.title, wanted);
  if (place_in(webhook, wanted) != Place::kCurrent) webhook.url = wanted.url;
  webhook.events = wanted_events(product, wanted.pull_requests, std::move(webhook.events));
  webhook.secret = wanted.secret;
  return webhook;
}

/// Why the secret must be written; empty if not.
std::string secret_difference(const Own& was, const WantedWebhook& wanted, bool always) {
  const auto& secret = was.webhook->secret;
  if (secret && secret->empty()) return "set (there was none)";
  if (secret && !(*secret == wanted.secret)) return "changed";
  if (was.place != Place::kCurrent) return "changed, as the URL";
  return always ? "set again" : "";
}

void create(Plan& plan) {
  plan.action = Action::kCreate;
  plan.differences = {{"title", "", plan.webhook.title},
                      {"url", "", plan.webhook.url},
                      {"events", "", shown(plan.webhook.events)},
                      {"active", "", "yes"},
                      {"secret", "", "set"}};
}

void correct(const Own& was, const WantedWebhook& wanted, bool always, Plan& plan) {
  const auto compare = [&](std::string_view field, const std::string& from, const std::string& to) {
    if (from == to) return;
    const auto fit = [&](const std::string& text) {
      return field == "url" ? text : masked_text(text, wanted.secret.view());
    };
    plan.differences.push_back({field, fit(from), fit(to)});
  };
  compare("title", was.webhook->title, plan.webhook.title);
  compare("url", was.webhook->url, plan.webhook.url);
  compare("events", shown(was.webhook->events), shown(plan.webhook.events));
  const std::string secret = secret_difference(was, wanted, always);
  if (!secret.empty()) plan.differences.push_back({"secret", "", secret});
  if (!plan.differences.empty()) plan.action = Action::kUpdate;
}

/// Why a wrong webhook is not changed; empty if it is changed.
std::string obstacle(const Own& was, const WantedWebhook& wanted, Moves moves, Action& action) {
  action = Action::kSkip;
  if (!was.webhook->active) {
    return fmt::format(
        "webhook {} is switched off, and stays off: switch it on in Bitbucket, or delete it",
        shown(*was.webhook, wanted));
  }
  if (was.place == Place::kCurrent || moves == Moves::kAll) return {};
  if (moves == Moves::kNone) {
    action = Action::kPostpone;
    return "it is moved once every replica serves the new URL";
  }
  const std::string here = place_of(wanted.url);
  const std::string there = place_of(was.webhook->url);
  if (was.place == Place::kFormer || receivers_folder(here) == receivers_folder(there)) return {};
  return fmt::format("webhook {} is this receiver's, but leads to {}: --move moves it to {}",
                     shown(*was.webhook, wanted), shown_base(was.webhook->url), shown_base(here));
}

/// Of two webhooks from a race, the newer is deleted: both are marked, active, and lead to one
/// place. Others may be wanted by somebody.
void tidy_up(const std::vector<Own>& own, const WantedWebhook& wanted, Plan& plan) {
  const Own& kept = own.front();
  for (const Own& other : own | std::views::drop(1)) {
    const Webhook& webhook = *other.webhook;
    if (!webhook.active) continue;
    const bool twin = kept.marked && other.marked && !kept.webhook->inherited &&
                      !webhook.inherited && place_of(webhook.url) == place_of(kept.webhook->url);
    if (!twin) {
      plan.notes.push_back(fmt::format(
          "webhook {} {}: delete it, or pushes are delivered twice", shown(webhook, wanted),
          webhook.inherited ? "of the whole project also leads here" : "is this receiver's too"));
    } else if (plan.surplus.size() < kMaxSurplus) {
      plan.surplus.push_back(webhook.id);
      plan.differences.push_back({"duplicate", shown(webhook, wanted), "deleted"});
      if (plan.action == Action::kNone) plan.action = Action::kDelete;
    }
  }
}

/// Webhooks of others that look like ours, if none is ours.
void note_strangers(const Listed& all, const WantedWebhook& wanted, Plan& plan) {
  const std::string here = place_of(wanted.url);
  for (const Webhook* one : all) {
    const Webhook& webhook = *one;
    if (webhook.inherited) continue;
    if (webhook.title == wanted.name || webhook.title.starts_with(wanted.name + " [")) {
      plan.notes.push_back(
          fmt::format("webhook {} has this receiver's title, but leads to {}: if no other cluster "
                      "of yours is there, delete it",
                      shown(webhook, wanted), shown_base(webhook.url)));
      continue;
    }
    const std::string there = place_of(webhook.url);
    const std::string_view folder = receivers_folder(there);
    if (folder.empty() || folder != receivers_folder(here)) continue;
    plan.notes.push_back(
        fmt::format("webhook {} leads to another receiver, or to a former secret of this one: in "
                    "the latter case delete it",
                    shown(webhook, wanted)));
  }
}

/// Inherited ones that lead here, but do not replace the receiver's own.
void note_insufficient(bitbucket::Source product, const Listed& all, const WantedWebhook& wanted,
                       Plan& plan) {
  for (const Webhook* webhook : all) {
    if (!webhook->inherited || !webhook->active || place_in(*webhook, wanted) != Place::kCurrent) {
      continue;
    }
    const std::string why = shortcoming(product, *webhook, wanted);
    if (why.empty()) continue;
    plan.notes.push_back(fmt::format("webhook {} of the whole project also leads here, but {}",
                                     shown(*webhook, wanted), why));
  }
}

/// The operator may still serve it under another base URL: the digits decide.
bool may_be_served(const Own& own, const WantedWebhook& wanted) {
  const auto digits = [](const std::string& url) {
    const std::string place = place_of(url);
    return place.substr(place.rfind('/') + 1);
  };
  const std::string last = digits(own.webhook->url);
  return own.place != Place::kElsewhere || last == digits(wanted.url) ||
         (wanted.former_url && last == digits(*wanted.former_url));
}

}  // namespace

std::vector<std::string> wanted_events(bitbucket::Source product, bool pull_requests,
                                       std::vector<std::string> existing) {
  for (const bitbucket::Event& event : bitbucket::kEvents) {
    const bool wanted =
        event.kind.source == product &&
        (pull_requests || event.kind.action == bitbucket::Action::kRefreshWarehouses);
    const bool there = std::ranges::find(existing, event.key) != existing.end();
    if (wanted && !there) existing.emplace_back(event.key);
  }
  return existing;
}

Plan plan_webhook(bitbucket::Source product, const std::vector<Webhook>& existing,
                  const WantedWebhook& wanted, Moves moves, bool always,
                  const std::vector<Webhook>& inherited) {
  Plan plan;
  const Listed all = listed(existing, inherited);
  const auto own = own_webhooks(product, all, wanted);
  note_insufficient(product, all, wanted, plan);
  if (own.empty()) {
    plan.webhook = put_right(product, {}, wanted);
    create(plan);
    note_strangers(all, wanted, plan);
    return plan;
  }
  const Own& was = own.front();
  plan.webhook = *was.webhook;
  plan.reason = obstacle(was, wanted, moves, plan.action);
  if (!plan.reason.empty()) return plan;
  plan.action = Action::kNone;
  if (was.webhook->inherited) {
    plan.notes.push_back(
        fmt::format("webhook {} of the whole project leads here", shown(*was.webhook, wanted)));
  } else {
    plan.webhook = put_right(product, *was.webhook, wanted);
    correct(was, wanted, always, plan);
  }
  tidy_up(own, wanted, plan);
  return plan;
}

bool is_marked(const Webhook& webhook, const WantedWebhook& wanted) {
  return !wanted.mark.empty() && webhook.title.find(wanted.mark) != std::string::npos;
}

std::string fields_of(const Plan& plan) {
  const auto fields = plan.differences | std::views::transform(&Difference::field);
  return fmt::format("{}", fmt::join(fields, ", "));
}

std::vector<Webhook> webhooks_to_delete(const std::vector<Webhook>& existing,
                                        const WantedWebhook& wanted, bool stale_only) {
  std::vector<Webhook> going;
  // The product matters only for inherited webhooks.
  for (const Own& own : own_webhooks(bitbucket::Source::kCloud, listed(existing, {}), wanted)) {
    if (own.webhook->inherited || (stale_only && may_be_served(own, wanted))) continue;
    going.push_back(*own.webhook);
  }
  return going;
}

}  // namespace receiver::bitbucket_rest
