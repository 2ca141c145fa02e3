#include "bitbucket_rest/messages.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bitbucket_rest/pages.h"
#include "git/url.h"
#include "json/json.h"
#include "json/reader.h"
#include "text/ascii.h"
#include "text/percent.h"
#include "text/unicode.h"

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;
using json::quote;
using json::Reader;

constexpr int kPageLength = 100;  // Cloud's upper bound
constexpr std::chrono::seconds kFirstPause{5};

std::string hooks_url(const Repository& repository) {
  return api_url(repository) + (repository.product == Source::kCloud ? "/hooks" : "/webhooks");
}

std::string hook_url(const Repository& repository, const std::string& id) {
  return hooks_url(repository) + "/" + text::percent_encode(id);
}

std::vector<std::string> read_strings(Reader& in) {
  std::vector<std::string> strings;
  in.array([&] {
    if (std::string one = in.string(); !one.empty()) strings.push_back(std::move(one));
  });
  return strings;
}

/// Reads the members that both products share; skips others.
void read_common(Reader& in, std::string_view member, Webhook& webhook) {
  if (member == "url") {
    webhook.url = in.string();
  } else if (member == "events") {
    webhook.events = read_strings(in);
  } else if (member == "active") {
    webhook.active = in.boolean().value_or(true);
  } else {
    in.skip();
  }
}

Webhook read_cloud_webhook(Reader& in) {
  Webhook webhook;
  in.object([&](std::string_view member) {
    if (member == "uuid") {
      webhook.id = in.string();
    } else if (member == "description") {
      webhook.title = in.string();
    } else if (member == "skip_cert_verification") {
      webhook.verifies_certificate = !in.boolean().value_or(false);
    } else if (member == "secret_set") {
      if (in.boolean() == false) webhook.secret.emplace();
    } else if (member == "created_at") {
      webhook.made = in.string();
    } else if (member == "subject_type") {
      webhook.inherited = in.string() == "workspace";
    } else {
      read_common(in, member, webhook);
    }
  });
  return webhook;
}

/// Reads the secret, and the other members for Webhook::configuration.
std::string read_configuration(Reader& in, Webhook& webhook) {
  std::string secret;
  std::string others;
  in.object([&](std::string_view member) {
    if (member == "secret") {
      secret = in.string();
    } else {
      crypto::append_wiping(others, fmt::format(",{}:", quote(member)));
      crypto::append_wiping(others, in.raw());
    }
  });
  webhook.configuration = crypto::SecretString(std::move(others));
  return secret;
}

Webhook read_data_center_webhook(Reader& in) {
  Webhook webhook;
  std::string secret;
  in.object([&](std::string_view member) {
    if (member == "id") {
      if (const auto id = in.integer()) {
        webhook.id = std::to_string(*id);
        webhook.made = fmt::format("{:020}", *id);
      }
    } else if (member == "name") {
      webhook.title = in.string();
    } else if (member == "sslVerificationRequired") {
      webhook.verifies_certificate = in.boolean().value_or(true);
    } else if (member == "configuration") {
      secret = read_configuration(in, webhook);
    } else if (member == "credentials" && in.at('{')) {
      webhook.credentials = crypto::SecretString(std::string(in.raw()));
    } else if (member == "scopeType") {
      webhook.inherited = in.string() == "project";
    } else {
      read_common(in, member, webhook);
    }
  });
  // Data Center shows the secrets of webhooks, unless something replaces them with asterisks.
  const bool hidden = !secret.empty() && secret.find_first_not_of("*•") == std::string::npos;
  if (!hidden) webhook.secret.emplace(std::move(secret));
  return webhook;
}

Webhook read_webhook(Reader& in, Source product) {
  return product == Source::kCloud ? read_cloud_webhook(in) : read_data_center_webhook(in);
}

/// A string, or the strings of a list.
std::string read_words(Reader& in) {
  return in.at('[') ? fmt::format("{}", fmt::join(read_strings(in), " ")) : in.string();
}

/// Reads Cloud's `error`, not deeper than Bitbucket nests it.
std::vector<std::string> read_cloud_error(Reader& in) {
  std::string message;
  std::string detail;
  std::vector<std::string> fields;
  in.object([&](std::string_view member) {
    if (member == "message") {
      message = in.string();
    } else if (member == "detail") {
      detail = in.string();
    } else if (member != "fields") {
      in.skip();
    } else if (in.at('[')) {
      in.array([&] { fields.push_back(read_words(in)); });
    } else {
      in.object([&](std::string_view name) {
        const std::string words = read_words(in);
        if (!words.empty()) fields.push_back(fmt::format("{}: {}", name, words));
      });
    }
  });
  fields.insert(fields.begin(), {std::move(message), std::move(detail)});
  return fields;
}

struct DataCenterError {
  std::string context, message, exception;
};

std::vector<DataCenterError> read_data_center_errors(Reader& in) {
  std::vector<DataCenterError> errors;
  in.array([&] {
    DataCenterError& error = errors.emplace_back();
    in.strings({{"context", error.context},
                {"message", error.message},
                {"exceptionName", error.exception}});
  });
  return errors;
}

/// The vendor's message: Cloud's `error.message` and `error.fields`, Data Center's `errors[]`, or a
/// short text.
std::string vendors_words(const ApiAnswer& answer) {
  std::vector<std::string> of_cloud;
  std::vector<DataCenterError> of_data_center;
  Reader in(answer.body);
  bool is_json = in.at('{') && text::is_utf8(answer.body);
  in.object([&](std::string_view member) {
    if (member == "error") {
      of_cloud = read_cloud_error(in);
    } else if (member == "errors") {
      of_data_center = read_data_center_errors(in);
    } else {
      in.skip();
    }
  });
  const std::string_view problem = in.finish();
  is_json = is_json && (problem.empty() || problem == json::kTooDeep);
  if (!is_json) {
    // HTML pages do not help here.
    return answer.body.find('<') == std::string::npos ? answer.body : std::string();
  }
  std::string words;
  const auto add = [&words](const std::string& text) {
    if (text.empty()) return;
    if (!words.empty()) words += "; ";
    words += text;
  };
  for (const std::string& text : of_cloud) add(text);
  for (const auto& [context, message, exception] : of_data_center) {
    add(context.empty() ? message : fmt::format("{}: {}", context, message));
  }
  return words;
}

/// Data Center also answers 401 to a valid token that lacks the permission.
bool lacks_permission(const ApiAnswer& answer) {
  std::vector<DataCenterError> errors;
  Reader in(answer.body);
  in.member("errors", [&] { errors = read_data_center_errors(in); });
  return std::ranges::any_of(errors, [](const DataCenterError& error) {
    return error.exception.ends_with(".AuthorisationException");
  });
}

ApiFailure kind_of(const ApiAnswer& answer) {
  switch (answer.status) {
    case 401:
      return lacks_permission(answer) ? ApiFailure::kForbidden : ApiFailure::kUnauthorized;
    case 403:
      return ApiFailure::kForbidden;
    case 404:
      return ApiFailure::kNotFound;
    case 409:
      return ApiFailure::kConflict;
    case 429:
      return ApiFailure::kRateLimited;
    default:
      if (answer.status >= 500) return ApiFailure::kServer;
      return answer.status >= 400 ? ApiFailure::kRefused : ApiFailure::kUnexpected;
  }
}

/// As Retry-After says, and never zero.
std::optional<std::chrono::seconds> retry_after(const ApiAnswer& answer,
                                                clock::Wall::time_point now) {
  constexpr std::chrono::seconds kAtLeast{1};
  const auto wait = clock::parse_retry_after(answer.retry_after, now);
  if (!wait) return std::nullopt;
  return std::max(std::chrono::ceil<std::chrono::seconds>(*wait), kAtLeast);
}

/// When Retry-After allows another request, for people.
std::string told_time(std::optional<std::chrono::seconds> wait) {
  constexpr std::chrono::hours kWorthTelling{24 * 365};
  return wait && *wait < kWorthTelling ? fmt::format("in {} s", wait->count()) : "later";
}

/// `OWNER/SLUG` of the repository that a redirect within this server leads to; empty if it leads
/// elsewhere, or to the repository that was asked for.
std::string moved_to(const Repository& repository, const std::string& location) {
  const std::string origin = origin_of(repository.server);
  const bool is_path = location.starts_with('/') && !location.starts_with("//");
  const auto url = git::Url::parse(is_path ? origin + location : location);
  if (!url || origin_of(url->to_string()) != origin) return {};
  const bool of_cloud = repository.product == Source::kCloud;
  std::string_view path = url->path;
  const auto skip_past = [&path](std::string_view word) {
    const std::size_t at = path.find(word);
    path.remove_prefix(at == std::string_view::npos ? path.size() : at + word.size());
  };
  const auto take_segment = [&path] {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string segment(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
    return segment;
  };
  skip_past(of_cloud ? "/repositories/" : "/projects/");
  const std::string owner = take_segment();
  if (!of_cloud) skip_past("repos/");
  const std::string slug = take_segment();
  const std::string name = owner + '/' + slug;
  return owner.empty() || slug.empty() || name == repository.name() ? std::string() : name;
}

std::string remedy_for_token(bool of_cloud, bool is_known, Purpose purpose) {
  if (of_cloud && !is_known) {
    return fmt::format(
        "the token is wrong or has expired; an API token of an account needs the account's e-mail "
        "address {}, an access token of a repository, project or workspace must be given without",
        purpose == Purpose::kRegister ? "with --username" : "in bitbucket.username");
  }
  if (purpose == Purpose::kRead) {
    return of_cloud ? "the token needs the scope read:repository:bitbucket (an access token: "
                      "repositories read)"
                    : "the token needs the permission \"Repository read\", and must be valid";
  }
  if (!is_known) {
    return "the token is wrong or has expired: create an HTTP access token with the permission "
           "\"Repository admin\"";
  }
  return of_cloud ? "the token needs the scopes read:webhook:bitbucket, "
                    "write:webhook:bitbucket, delete:webhook:bitbucket (for duplicates), "
                    "read:repository:bitbucket and read:pullrequest:bitbucket (an access token: "
                    "webhooks read and write, "
                    "repositories read, pull requests read), and its account must be an "
                    "administrator of the repository"
                  : "the token needs the permission \"Repository admin\", and its user must be "
                    "an administrator of the repository";
}

std::string remedy_for(const Repository& repository, const BitbucketError& error,
                       const ApiAnswer& answer, Purpose purpose) {
  const bool of_cloud = repository.product == Source::kCloud;
  switch (error.kind) {
    case ApiFailure::kUnauthorized:
    case ApiFailure::kForbidden:
      return remedy_for_token(of_cloud, error.kind == ApiFailure::kForbidden, purpose);
    case ApiFailure::kNotFound:
      return fmt::format(
          "no repository {}{} that the token may see: check its spelling, and that the token "
          "belongs to {}",
          repository.name(), purpose == Purpose::kRead ? ", or no such commit in it," : "",
          of_cloud ? "its workspace" : "this server");
    case ApiFailure::kConflict:
      return "another webhook conflicts: look at the repository's webhooks";
    case ApiFailure::kRateLimited:
      return "too many requests; try again " + told_time(error.retry_after);
    case ApiFailure::kRefused:
      return "";
    default:
      break;
  }
  if (answer.status / 100 == 3) {
    const std::string moved = moved_to(repository, answer.location);
    const bool by_secret = purpose != Purpose::kRegister;
    if (!moved.empty()) {
      return fmt::format(
          "the repository has moved to {}, and redirects are not followed: correct the repoURL of "
          "the Warehouses that subscribe to it{}",
          masked_text(moved, ""), by_secret ? "" : ", or --repo");
    }
    return fmt::format(
        "redirects are not followed, because they would show the token to another server: set the "
        "right address with {}{}",
        by_secret  ? "bitbucket.url"
        : of_cloud ? "--cloud-url"
                   : "--bitbucket-url",
        answer.location.empty()
            ? ""
            : fmt::format(" (this one leads to {})", masked_text(origin_of(answer.location), "")));
  }
  return "try again later";
}

}  // namespace

std::string api_url(const Repository& repository) {
  const std::string owner = text::percent_encode(repository.owner);
  const std::string slug = text::percent_encode(repository.slug);
  return repository.product == Source::kCloud
             ? fmt::format("{}/2.0/repositories/{}/{}", repository.server, owner, slug)
             : fmt::format("{}/rest/api/latest/projects/{}/repos/{}", repository.server, owner,
                           slug);
}

ApiRequest list_request(const Repository& repository) {
  return first_page(repository, hooks_url(repository), "", kPageLength);
}

ApiRequest inherited_list_request(const Repository& repository) {
  const std::string owner = text::percent_encode(repository.owner);
  const auto* const form = repository.product == Source::kCloud
                               ? "{}/2.0/workspaces/{}/hooks"
                               : "{}/rest/api/latest/projects/{}/webhooks";
  return first_page(repository, fmt::format(fmt::runtime(form), repository.server, owner), "",
                    kPageLength);
}

ApiRequest write_request(const Repository& repository, const Webhook& webhook) {
  const bool of_cloud = repository.product == Source::kCloud;
  std::vector<std::string> events(webhook.events.size());
  std::ranges::transform(webhook.events, events.begin(), quote);
  const std::string common = fmt::format(
      R"({}:{},"url":{},"active":{},"events":[{}])", of_cloud ? R"("description")" : R"("name")",
      quote(webhook.title), quote(webhook.url), webhook.active, fmt::join(events, ","));
  const std::string secret = quote(webhook.secret ? webhook.secret->view() : std::string_view());
  std::string body =
      of_cloud
          ? fmt::format(R"({{{},"secret":{}{}}})", common, secret,
                        webhook.verifies_certificate ? "" : R"(,"skip_cert_verification":true)")
          : fmt::format(R"({{{},"configuration":{{"secret":{}{}}},"sslVerificationRequired":{})"
                        R"({}{}}})",
                        common, secret, webhook.configuration.view(), webhook.verifies_certificate,
                        webhook.credentials.empty() ? "" : R"(,"credentials":)",
                        webhook.credentials.view());
  const bool is_new = webhook.id.empty();
  return {is_new ? "POST" : "PUT",
          is_new ? hooks_url(repository) : hook_url(repository, webhook.id), std::move(body)};
}

std::string read_id(const Repository& repository, std::string_view body) {
  Reader in(body);
  std::string id = read_webhook(in, repository.product).id;
  return in.finish().empty() ? id : std::string();
}

ApiRequest delete_request(const Repository& repository, const std::string& id) {
  return {"DELETE", hook_url(repository, id), ""};
}

tl::expected<Page, std::string> read_page(const Repository& repository, const ApiRequest& asked,
                                          std::string_view body) {
  Page page;
  const auto after = read_list(body, [&](Reader& in) {
    Webhook webhook = read_webhook(in, repository.product);
    if (!webhook.id.empty()) page.webhooks.push_back(std::move(webhook));
  });
  if (!after) {
    return tl::unexpected(
        std::string("the list of webhooks is not a list: is this Bitbucket's REST API?"));
  }
  auto next = next_page(repository, asked, *after);
  if (!next) return tl::unexpected("the list of webhooks " + next.error());
  page.next = std::move(*next);
  return page;
}

BitbucketError describe_failure(const Repository& repository, const ApiAnswer& answer,
                                std::string_view secret, Purpose purpose,
                                clock::Wall::time_point now) {
  BitbucketError error{
      .kind = kind_of(answer), .status = answer.status, .retry_after = retry_after(answer, now)};
  const std::string words = masked_text(vendors_words(answer), secret);
  const std::string remedy = remedy_for(repository, error, answer, purpose);
  error.message =
      fmt::format("Bitbucket answered {}{}{}{}{}", answer.status, words.empty() ? "" : " (", words,
                  words.empty() ? "" : ")", remedy.empty() ? "" : ": " + remedy);
  return error;
}

std::chrono::seconds rate_limit_pause(const ApiAnswer& answer, unsigned attempt,
                                      clock::Wall::time_point now) {
  return retry_after(answer, now).value_or(kFirstPause * (1U << std::min(attempt, 6U)));
}

}  // namespace receiver::bitbucket_rest
