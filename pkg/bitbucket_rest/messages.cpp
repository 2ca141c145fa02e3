#include "bitbucket_rest/messages.h"

#include <algorithm>
#include <charconv>

#include <cpprest/uri_builder.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "git/url.h"

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;
using rapidjson::Value;

constexpr int kPageLength = 100;  // Cloud's upper bound
constexpr std::chrono::seconds kFirstPause{5};

web::uri_builder hooks_of(const Repository& repository) {
  web::uri_builder builder(repository.server);
  const bool of_cloud = repository.product == Source::kCloud;
  builder.append_path(of_cloud ? "2.0/repositories" : "rest/api/latest/projects");
  builder.append_path(web::uri::encode_data_string(repository.owner));
  if (!of_cloud) builder.append_path("repos");
  builder.append_path(web::uri::encode_data_string(repository.slug));
  builder.append_path(of_cloud ? "hooks" : "webhooks");
  return builder;
}

ApiRequest page_request(const Repository& repository, std::int64_t start) {
  web::uri_builder builder = hooks_of(repository);
  if (repository.product == Source::kCloud) {
    builder.append_query("pagelen", kPageLength);
  } else {
    builder.append_query("start", start).append_query("limit", kPageLength);
  }
  return {"GET", builder.to_string(), ""};
}

/// Null if it is no JSON object. However deeply nested: without recursion.
rapidjson::Document parse(std::string_view body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      body.data(), body.size());
  if (document.HasParseError() || !document.IsObject()) document.SetNull();
  return document;
}

const Value* member(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string string_of(const Value& object, const char* name) {
  const Value* value = member(object, name);
  return value != nullptr && value->IsString()
             ? std::string(value->GetString(), value->GetStringLength())
             : std::string();
}

std::optional<bool> bool_of(const Value& object, const char* name) {
  const Value* value = member(object, name);
  return value != nullptr && value->IsBool() ? std::optional(value->GetBool()) : std::nullopt;
}

std::optional<std::int64_t> integer_of(const Value& object, const char* name) {
  const Value* value = member(object, name);
  return value != nullptr && value->IsInt64() ? std::optional(value->GetInt64()) : std::nullopt;
}

std::vector<std::string> events_of(const Value& object) {
  std::vector<std::string> events;
  if (const Value* list = member(object, "events"); list != nullptr && list->IsArray()) {
    for (const Value& event : list->GetArray()) {
      if (event.IsString()) events.emplace_back(event.GetString(), event.GetStringLength());
    }
  }
  return events;
}

Webhook cloud_webhook(const Value& object) {
  Webhook webhook{
      .id = string_of(object, "uuid"),
      .title = string_of(object, "description"),
      .url = string_of(object, "url"),
      .events = events_of(object),
      .active = bool_of(object, "active").value_or(true),
      .verifies_certificate = !bool_of(object, "skip_cert_verification").value_or(false)};
  if (bool_of(object, "secret_set") == false) webhook.secret.emplace();
  return webhook;
}

/// Whoever may see webhooks sees their secrets, unless something hides them behind signs.
std::optional<crypto::SecretString> data_center_secret(const Value& object) {
  const Value* configuration = member(object, "configuration");
  std::string secret = configuration == nullptr ? "" : string_of(*configuration, "secret");
  const bool hidden = !secret.empty() && secret.find_first_not_of("*•") == std::string::npos;
  if (hidden) return std::nullopt;
  return crypto::SecretString(std::move(secret));
}

Webhook data_center_webhook(const Value& object) {
  const auto id = integer_of(object, "id");
  return {.id = id ? std::to_string(*id) : std::string(),
          .title = string_of(object, "name"),
          .url = string_of(object, "url"),
          .events = events_of(object),
          .active = bool_of(object, "active").value_or(true),
          .verifies_certificate = bool_of(object, "sslVerificationRequired").value_or(true),
          .secret = data_center_secret(object)};
}

/// Scheme and authority.
std::string origin_of(const std::string& url) {
  const auto parsed = git::Url::parse(url);
  return parsed && !parsed->user ? parsed->scheme + "://" + parsed->host : std::string();
}

/// What is wrong, in the vendor's words: Cloud's `error.message` and `error.fields`, Data Center's
/// `errors[]`, or a short text.
std::string vendors_words(const ApiAnswer& answer) {
  const auto document = parse(answer.body);
  if (document.IsNull()) {
    // Pages of HTML are of no use to anybody here.
    return answer.body.find('<') == std::string::npos ? answer.body : std::string();
  }
  std::string words;
  const auto add = [&words](const std::string& text) {
    if (text.empty()) return;
    if (!words.empty()) words += "; ";
    words += text;
  };
  // Strings, and those of a list: nothing is walked deeper than Bitbucket writes.
  const auto add_value = [&](const std::string& name, const Value& value) {
    std::vector<std::string> texts;
    if (value.IsString()) texts.emplace_back(value.GetString(), value.GetStringLength());
    if (value.IsArray()) {
      for (const Value& one : value.GetArray()) {
        if (one.IsString()) texts.emplace_back(one.GetString(), one.GetStringLength());
      }
    }
    if (texts.empty()) return;
    add(fmt::format("{}{}{}", name, name.empty() ? "" : ": ", fmt::join(texts, " ")));
  };
  if (const Value* error = member(document, "error"); error != nullptr) {
    add(string_of(*error, "message"));
    add(string_of(*error, "detail"));
    const Value* fields = member(*error, "fields");
    if (fields != nullptr && fields->IsObject()) {
      for (const auto& field : fields->GetObject()) add_value(field.name.GetString(), field.value);
    } else if (fields != nullptr && fields->IsArray()) {
      for (const Value& field : fields->GetArray()) add_value("", field);
    }
  }
  if (const Value* errors = member(document, "errors"); errors != nullptr && errors->IsArray()) {
    for (const Value& error : errors->GetArray()) {
      const std::string context = string_of(error, "context");
      add((context.empty() ? "" : context + ": ") + string_of(error, "message"));
    }
  }
  return words;
}

/// Data Center answers 401 to a token that it knows, too, if it lacks the permission.
bool lacks_permission(const ApiAnswer& answer) {
  const auto document = parse(answer.body);
  const Value* errors = member(document, "errors");
  return errors != nullptr && errors->IsArray() &&
         std::ranges::any_of(errors->GetArray(), [](const Value& error) {
           return string_of(error, "exceptionName").ends_with(".AuthorisationException");
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
      return answer.status >= 400 && answer.status < 500 ? ApiFailure::kRefused
                                                         : ApiFailure::kUnexpected;
  }
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Of a number; nothing if it is too large to wait for.
std::optional<std::chrono::seconds> seconds_of(std::string_view number) {
  std::uint32_t seconds = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), seconds);
  if (read.ec != std::errc()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// When Retry-After allows another request, for people.
std::string told_time(const ApiAnswer& answer) {
  if (is_number(answer.retry_after)) {
    if (const auto seconds = seconds_of(answer.retry_after)) {
      return fmt::format("in {} s", seconds->count());
    }
  }
  if (const auto date = clock::parse_http_date(answer.retry_after)) {
    return "after " + clock::format_seconds(*date);
  }
  return "later";
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

std::string remedy_for(const Repository& repository, ApiFailure kind, const ApiAnswer& answer) {
  const bool of_cloud = repository.product == Source::kCloud;
  switch (kind) {
    case ApiFailure::kUnauthorized:
      return of_cloud
                 ? "the token is wrong or has expired; an API token of an account needs the "
                   "account's e-mail address with --username, an access token of a repository, "
                   "project or workspace must be given without"
                 : "the token is wrong or has expired: make an HTTP access token with the "
                   "permission \"Repository admin\"";
    case ApiFailure::kForbidden:
      return of_cloud ? "the token needs the scopes read:webhook:bitbucket, "
                        "write:webhook:bitbucket, read:repository:bitbucket and "
                        "read:pullrequest:bitbucket (an access token: webhooks read and write, "
                        "repositories read, pull requests read), and its account must be an "
                        "administrator of the repository"
                      : "the token needs the permission \"Repository admin\", and its user must be "
                        "an administrator of the repository";
    case ApiFailure::kNotFound:
      return fmt::format(
          "no repository {} that the token may see: is it spelt right, and does the "
          "token belong to {}?",
          repository.name(), of_cloud ? "its workspace" : "this server");
    case ApiFailure::kConflict:
      return "another webhook is in the way: look at the repository's webhooks";
    case ApiFailure::kRateLimited:
      return "too many requests; try again " + told_time(answer);
    case ApiFailure::kRefused:
    case ApiFailure::kUnreachable:
      return "";
    case ApiFailure::kUnexpected:
      break;
  }
  if (answer.status / 100 == 3) {
    const std::string moved = moved_to(repository, answer.location);
    if (!moved.empty()) {
      return fmt::format(
          "the repository has moved to {}, and redirects are not followed: correct the repoURL of "
          "the Warehouses that subscribe to it, or --repo",
          masked_text(moved, ""));
    }
    return fmt::format(
        "redirects are not followed, since they would show the token to somebody "
        "else: name the address that is right with {}{}",
        of_cloud ? "--cloud-url" : "--bitbucket-url",
        answer.location.empty()
            ? ""
            : fmt::format(" (this one leads to {})", masked_text(origin_of(answer.location), "")));
  }
  return "try again later";
}

}  // namespace

ApiRequest list_request(const Repository& repository) {
  return page_request(repository, 0);
}

ApiRequest write_request(const Repository& repository, const Webhook& webhook) {
  const bool of_cloud = repository.product == Source::kCloud;
  web::uri_builder builder = hooks_of(repository);
  if (!webhook.id.empty()) builder.append_path(web::uri::encode_data_string(webhook.id));

  rapidjson::StringBuffer buffer;
  rapidjson::Writer writer(buffer);
  const auto text = [&writer](const char* name, std::string_view value) {
    writer.Key(name);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  const std::string_view secret = webhook.secret ? webhook.secret->view() : std::string_view();
  writer.StartObject();
  text(of_cloud ? "description" : "name", webhook.title);
  text("url", webhook.url);
  writer.Key("active");
  writer.Bool(webhook.active);
  writer.Key("events");
  writer.StartArray();
  for (const std::string& event : webhook.events) writer.String(event);
  writer.EndArray();
  if (of_cloud) {
    text("secret", secret);
    if (!webhook.verifies_certificate) {
      writer.Key("skip_cert_verification");
      writer.Bool(true);
    }
  } else {
    writer.Key("configuration");
    writer.StartObject();
    text("secret", secret);
    writer.EndObject();
    writer.Key("sslVerificationRequired");
    writer.Bool(webhook.verifies_certificate);
  }
  writer.EndObject();
  return {webhook.id.empty() ? "POST" : "PUT", builder.to_string(),
          std::string(buffer.GetString(), buffer.GetSize())};
}

tl::expected<Page, std::string> read_page(const Repository& repository, const ApiRequest& asked,
                                          std::string_view body) {
  using Senseless = tl::unexpected<std::string>;
  const auto document = parse(body);
  const Value* values = member(document, "values");
  if (values == nullptr || !values->IsArray()) {
    return Senseless("the list of webhooks is none: is this Bitbucket's REST API?");
  }
  Page page;
  for (const Value& value : values->GetArray()) {
    // A project's webhook, which its repositories inherit, cannot be written here.
    if (string_of(value, "scopeType") == "project") continue;
    Webhook webhook =
        repository.product == Source::kCloud ? cloud_webhook(value) : data_center_webhook(value);
    if (!webhook.id.empty()) page.webhooks.push_back(std::move(webhook));
  }
  if (repository.product == Source::kCloud) {
    const std::string next = string_of(document, "next");
    if (next.empty()) return page;
    if (origin_of(next) != origin_of(asked.url)) {
      return Senseless(fmt::format("the next page of webhooks is on another server ({})",
                                   masked_text(origin_of(next), "")));
    }
    page.next = {"GET", next, ""};
  } else if (bool_of(document, "isLastPage") == false) {
    const auto start = integer_of(document, "nextPageStart");
    if (!start || *start <= integer_of(document, "start").value_or(0)) {
      return Senseless("the list of webhooks does not go on, and does not end");
    }
    page.next = page_request(repository, *start);
  }
  return page;
}

BitbucketError describe_failure(const Repository& repository, const ApiAnswer& answer,
                                std::string_view secret) {
  const ApiFailure kind = kind_of(answer);
  const std::string words = masked_text(vendors_words(answer), secret);
  const std::string remedy = remedy_for(repository, kind, answer);
  return {kind,
          fmt::format("Bitbucket answered {}{}{}{}{}", answer.status, words.empty() ? "" : " (",
                      words, words.empty() ? "" : ")", remedy.empty() ? "" : ": " + remedy)};
}

std::chrono::seconds rate_limit_pause(const ApiAnswer& answer, unsigned attempt,
                                      clock::Wall::time_point now) {
  constexpr std::chrono::seconds kAtLeast{1};
  if (is_number(answer.retry_after)) {
    const auto seconds = seconds_of(answer.retry_after);
    return seconds ? std::max(*seconds, kAtLeast) : std::chrono::seconds::max();
  }
  if (const auto date = clock::parse_http_date(answer.retry_after)) {
    return std::max(std::chrono::ceil<std::chrono::seconds>(*date - now), kAtLeast);
  }
  return kFirstPause * (1U << std::min(attempt, 6U));
}

}  // namespace receiver::bitbucket_rest
