#include "test/bitbucket_server/documents.h"

#include <algorithm>
#include <array>
#include <set>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace receiver::test {
namespace {

using bitbucket::Source;
using rapidjson::Value;
using Refused = tl::unexpected<Answer>;

constexpr std::array kCloudEvents{"repo:push",
                                  "repo:fork",
                                  "repo:updated",
                                  "repo:commit_status_created",
                                  "pullrequest:created",
                                  "pullrequest:updated",
                                  "pullrequest:fulfilled",
                                  "pullrequest:rejected",
                                  "issue:created"};
constexpr std::array kDataCenterEvents{
    "repo:refs_changed", "repo:modified", "repo:forked",
    "pr:opened",         "pr:modified",   "pr:merged",
    "pr:declined",       "pr:deleted",    "mirror:repo_synchronized"};

bool is_event(Source product, std::string_view key) {
  return product == Source::kCloud
             ? std::ranges::find(kCloudEvents, key) != kCloudEvents.end()
             : std::ranges::find(kDataCenterEvents, key) != kDataCenterEvents.end();
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& writer, const char* name, std::string_view value) {
  writer.Key(name);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void flag(Writer& writer, const char* name, bool value) {
  writer.Key(name);
  writer.Bool(value);
}

void text_or_null(Writer& writer, const char* name, std::string_view value) {
  if (!value.empty()) return text(writer, name, value);
  writer.Key(name);
  writer.Null();
}

void list(Writer& writer, const std::vector<std::string>& events) {
  writer.Key("events");
  writer.StartArray();
  for (const std::string& event : events) writer.String(event);
  writer.EndArray();
}

std::string text_of(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

std::string json_of(const Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  value.Accept(writer);
  return buffer.GetString();
}

void json(Writer& writer, const std::string& name, const std::string& value) {
  writer.String(name);
  writer.RawValue(value.data(), value.size(), rapidjson::kObjectType);
}

/// The server's counter, at the end of an id.
long number_of(const std::string& id) {
  return std::stol(id.substr(id.find_last_of("-{") + 1));
}

/// Reads one member into the webhook. Returns the error, if any.
std::string read_member(Source product, const std::string& name, const Value& value,
                        StoredWebhook& webhook) {
  const bool of_cloud = product == Source::kCloud;
  if (name == (of_cloud ? "description" : "name") && value.IsString()) {
    webhook.title = text_of(value);
    return webhook.title.empty() || webhook.title.size() > 255 ? "must have 1 to 255 characters"
                                                               : "";
  }
  if (name == "url" && value.IsString()) {
    webhook.url = text_of(value);
    const bool is_url = webhook.url.starts_with("https://") || webhook.url.starts_with("http://");
    return is_url ? "" : "Enter a valid URL: " + webhook.url;
  }
  if (name == "active" && value.IsBool()) {
    webhook.active = value.GetBool();
    return "";
  }
  if (name == "events" && value.IsArray()) {
    for (const Value& event : value.GetArray()) {
      if (!event.IsString() || !is_event(product, text_of(event))) return "unknown event";
      webhook.events.push_back(text_of(event));
    }
    const std::set<std::string> once(webhook.events.begin(), webhook.events.end());
    if (once.size() != webhook.events.size()) return "an event is given twice";
    return webhook.events.empty() ? "must name at least one event" : "";
  }
  if (of_cloud && name == "secret" && (value.IsString() || value.IsNull())) {
    webhook.secret = value.IsString() ? text_of(value) : "";
    return webhook.secret.size() > 128 ? "must have 128 characters at most" : "";
  }
  if (of_cloud && name == "skip_cert_verification" && value.IsBool()) {
    webhook.verifies_certificate = !value.GetBool();
    return "";
  }
  if (!of_cloud && name == "sslVerificationRequired" && value.IsBool()) {
    webhook.verifies_certificate = value.GetBool();
    return "";
  }
  if (!of_cloud && name == "configuration" && value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      const std::string key = text_of(member.name);
      if (key != "secret") {
        webhook.configuration[key] = json_of(member.value);
      } else if (member.value.IsString() && member.value.GetStringLength() > 0) {
        webhook.secret = text_of(member.value);
      } else {
        return "unusable";
      }
    }
    return "";
  }
  if (!of_cloud && name == "credentials" && value.IsObject()) {
    webhook.credentials = json_of(value);
    return "";
  }
  return "is unknown, or of another type";
}

}  // namespace

Answer failure(Source product, unsigned status, std::string_view message,
               std::string_view exception, std::string_view field) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  if (product == Source::kCloud) {
    text(writer, "type", "error");
    writer.Key("error");
    writer.StartObject();
    text(writer, "message", field.empty() ? message : "Bad request");
    if (!field.empty()) {
      writer.Key("fields");
      writer.StartObject();
      writer.Key(field.data(), static_cast<rapidjson::SizeType>(field.size()));
      writer.StartArray();
      writer.String(message.data(), static_cast<rapidjson::SizeType>(message.size()));
      writer.EndArray();
      writer.EndObject();
    }
    writer.EndObject();
  } else {
    writer.Key("errors");
    writer.StartArray();
    writer.StartObject();
    text_or_null(writer, "context", field);
    text(writer, "message", message);
    text_or_null(writer, "exceptionName", exception);
    writer.EndObject();
    writer.EndArray();
  }
  writer.EndObject();
  return {.status = status, .body = buffer.GetString()};
}

std::string document_of(Source product, const StoredWebhook& webhook) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  if (product == Source::kCloud) {
    text(writer, "type", "webhook_subscription");
    text(writer, "uuid", webhook.id);
    text(writer, "description", webhook.title);
    text(writer, "url", webhook.url);
    text(writer, "subject_type", webhook.of_project ? "workspace" : "repository");
    flag(writer, "active", webhook.active);
    flag(writer, "secret_set", !webhook.secret.empty());
    if (!webhook.verifies_certificate) flag(writer, "skip_cert_verification", true);
    const std::string order = std::to_string(number_of(webhook.id) + 100'000);
    text(writer, "created_at", "2026-01-02T03:04:05." + order + "Z");
    list(writer, webhook.events);
  } else {
    writer.Key("id");
    writer.Int(std::stoi(webhook.id));
    text(writer, "name", webhook.title);
    text(writer, "url", webhook.url);
    writer.Key("createdDate");
    writer.Int64(1'767'323'045'678);
    flag(writer, "active", webhook.active);
    flag(writer, "sslVerificationRequired", webhook.verifies_certificate);
    text(writer, "scopeType", webhook.of_project ? "project" : "repository");
    writer.Key("configuration");
    writer.StartObject();
    if (!webhook.secret.empty()) text(writer, "secret", webhook.secret);
    for (const auto& [name, value] : webhook.configuration) json(writer, name, value);
    writer.EndObject();
    if (!webhook.credentials.empty()) json(writer, "credentials", webhook.credentials);
    list(writer, webhook.events);
  }
  writer.EndObject();
  return buffer.GetString();
}

tl::expected<StoredWebhook, Answer> read_document(Source product, std::string_view body,
                                                  const StoredWebhook* before) {
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  if (document.HasParseError() || !document.IsObject()) {
    return Refused(failure(product, 400, "Unable to parse the request body"));
  }
  StoredWebhook webhook;
  if (before != nullptr && product == Source::kCloud) webhook.secret = before->secret;
  std::set<std::string> seen;
  for (const auto& member : document.GetObject()) {
    const std::string name = text_of(member.name);
    std::string wrong = read_member(product, name, member.value, webhook);
    if (!seen.insert(name).second) wrong = "is given twice";
    if (!wrong.empty()) return Refused(failure(product, 400, wrong, {}, name));
  }
  const char* title = product == Source::kCloud ? "description" : "name";
  for (const char* required : {title, "url", "events", "active"}) {
    if (!seen.contains(required)) {
      return Refused(failure(product, 400, "This field is required.", {}, required));
    }
  }
  return webhook;
}

}  // namespace receiver::test
