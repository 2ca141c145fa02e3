#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "crypto/crypto.h"
#include "test/integration/contract.h"
#include "test/support/delivery.h"
#include "test/support/gzip.h"

namespace receiver::test {
namespace {

using Framing = SentRequest::Framing;

constexpr std::size_t kBodyLimit = 2 * 1024 * 1024;

const std::string kBody =
    R"({"repository": {"links": {"html": {"href": "https://bitbucket.org/kargo-orchard/fruit-basket"}}},
        "push": {"changes": [{"new": {"type": "branch", "name": "feature/late-apples"}}]}})";
const Names kFeatureNames = names("any-branch broken feature");
const std::string kFeatureRefreshed = refreshed_warehouses(kFeatureNames.size());
const std::string kMissing = "401 {\"error\":\"missing signature\"}\n";
const std::string kUnauthorized = "401 {\"error\":\"unauthorized\"}\n";
const std::string kPinged = "200 {\"msg\":\"ping received\"}\n";
const std::string kUnknown = "404 {}\n";
const std::string kWrongMethod = "405 {\"error\":\"method not allowed\"}\n";
const std::string kTooLarge = "413 {\"error\":\"content exceeds limit of 2097152 bytes\"}\n";
const std::string kInvalid = "400 {\"error\":\"invalid request body\"}\n";

SentRequest push() {
  return signed_delivery("repo:push", kBody);
}

SentRequest push_signed(const std::string& signature) {
  return unsigned_delivery("repo:push", kBody).with("X-Hub-Signature", signature);
}

std::string sha512_signature(const std::string& body) {
  crypto::Hmac hmac(crypto::HashAlgorithm::kSha512, kSecret);
  hmac.update(body);
  return "sha512=" + crypto::hex_encode(hmac.digest());
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

}  // namespace

std::vector<Case> signatures() {
  const std::string good = signature_of(kBody, kSecret);
  const std::string hex = good.substr(7);
  std::vector<Case> cases{
      {"signature: sha256", push_signed(good), kFeatureRefreshed, kFeatureNames},
      {"signature: sha256, hex in upper case", push_signed("sha256=" + upper(hex)),
       kFeatureRefreshed, kFeatureNames},
      {"signature: sha512", push_signed(sha512_signature(kBody)), kFeatureRefreshed, kFeatureNames},
      {"signature: blanks around the field's value", push_signed("  " + good + " \t"),
       kFeatureRefreshed, kFeatureNames},
      {"signature: missing", unsigned_delivery("repo:push", kBody), kMissing},
      {"signature: missing, event unknown", unsigned_delivery("issue:created", "{}"), kMissing},
      {"signature: missing, body no JSON", unsigned_delivery("repo:push", "boom"), kMissing},
      {"signature: under another header's name",
       unsigned_delivery("repo:push", kBody).with("X-Hub-Signature-256", good), kMissing},
      {"signature: of another secret", signed_delivery("repo:push", kBody, "another-secret"),
       kUnauthorized},
      {"signature: of an empty secret", signed_delivery("repo:push", kBody, ""), kUnauthorized},
      {"signature: of another body", push_signed(signature_of(kBody + " ", kSecret)),
       kUnauthorized},
      {"signature: wrong, event unknown", signed_delivery("issue:created", "{}", "another-secret"),
       kUnauthorized},
  };
  const std::vector<std::pair<const char*, std::string>> refused{
      {"empty", ""},
      {"the algorithm alone", "sha256"},
      {"no digits", "sha256="},
      {"one letter", "x"},
      {"no algorithm", hex},
      {"sha1", "sha1=" + hex.substr(0, 40)},
      {"sha1 in name only", "sha1=" + hex},
      {"sha512 in name only", "sha512=" + hex},
      {"sha256 in upper case", "SHA256=" + hex},
      {"one digit less", good.substr(0, good.size() - 1)},
      {"one byte less", good.substr(0, good.size() - 2)},
      {"one byte more", good + "00"},
      {"no hex", "sha256=" + std::string(64, 'z')},
      {"a blank before the digits", "sha256= " + hex},
      {"one digit changed", "sha256=" + std::string(hex[0] == '0' ? "1" : "0") + hex.substr(1)},
      {"zeros", "sha256=" + std::string(64, '0')},
      {"two at once", good + "," + good},
  };
  for (const auto& [name, signature] : refused) {
    cases.push_back({std::string("signature: ") + name, push_signed(signature), kUnauthorized});
  }
  return cases;
}

std::vector<Case> framings() {
  const std::string signature = signature_of(kBody, kSecret);
  const std::string compressed = gzipped(kBody);
  const auto zipped = [&](const std::string& signed_text) {
    return unsigned_delivery("repo:push", compressed)
        .with("Content-Encoding", "gzip")
        .with("X-Hub-Signature", signature_of(signed_text, kSecret));
  };
  return {
      {"request: a query behind the path", push().asking("?from=bitbucket&x=%2F"),
       kFeatureRefreshed, kFeatureNames},
      {"request: a target in absolute form", push().by_origin("http://hooks.example.com"),
       kFeatureRefreshed, kFeatureNames},
      {"request: a target in absolute form, of another host and with a query",
       push().by_origin("HTTPS://other.example.com:8443").asking("?from=bitbucket"),
       kFeatureRefreshed, kFeatureNames},
      {"request: header names in lower case",
       SentRequest{.headers = {{"content-type", "application/json"},
                               {"x-event-key", "repo:push"},
                               {"x-hub-signature", signature}},
                   .body = kBody},
       kFeatureRefreshed, kFeatureNames},
      {"request: charset in Content-Type",
       push().without("Content-Type").with("Content-Type", "application/json; charset=utf-8"),
       kFeatureRefreshed, kFeatureNames},
      {"request: no Content-Type", push().without("Content-Type"), kFeatureRefreshed,
       kFeatureNames},
      {"request: another Content-Type", push().without("Content-Type").with("Content-Type", "x/y"),
       kFeatureRefreshed, kFeatureNames},
      {"request: chunked body", push().framed(Framing::kChunked), kFeatureRefreshed, kFeatureNames},
      {"request: body compressed before it was signed", zipped(compressed), kFeatureRefreshed,
       kFeatureNames},
      {"request: body compressed after it was signed", zipped(kBody), kFeatureRefreshed,
       kFeatureNames},
      {"request: compressed and chunked", zipped(kBody).framed(Framing::kChunked),
       kFeatureRefreshed, kFeatureNames},
      {"request: compressed, signed by another", zipped("something else"), kUnauthorized},
      {"request: Cloud's headers",
       push()
           .with("X-Request-UUID", "5a0f0c4e-2f4f-4a8e-9f55-1a2b3c4d5e6f")
           .with("X-Hook-UUID", "0d9a3c1e-7d2b-4c58-8a11-0f1e2d3c4b5a")
           .with("X-Attempt-Number", "1")
           .with("User-Agent", "Bitbucket-Webhooks/2.0"),
       kFeatureRefreshed, kFeatureNames},
      {"request: the same delivery sent again",
       push()
           .with("X-Request-UUID", "5a0f0c4e-2f4f-4a8e-9f55-1a2b3c4d5e6f")
           .with("X-Hook-UUID", "0d9a3c1e-7d2b-4c58-8a11-0f1e2d3c4b5a")
           .with("X-Attempt-Number", "2")
           .with("User-Agent", "Bitbucket-Webhooks/2.0"),
       kFeatureRefreshed, kFeatureNames},
      {"request: Data Center's headers, with basic authentication",
       push()
           .with("X-Request-Id", "6b1f0c4e-2f4f-4a8e-9f55-1a2b3c4d5e6f")
           .with("Authorization", "Basic b2tlZXBlcjpwZWFycw==")
           .with("User-Agent", "Atlassian HttpClient 4.2.0 / Bitbucket-9.5.2 (9005002) / Default"),
       kFeatureRefreshed, kFeatureNames},
  };
}

std::vector<Case> receivers() {
  const Names shared = kFeatureNames + names("sharing/feature");
  const Names everywhere = kFeatureNames + names("sharing/feature other/feature");
  return {
      {"receiver: the current secret at the current path", push().to(At::kRotated),
       kFeatureRefreshed, kFeatureNames},
      {"receiver: the previous secret at the previous path",
       signed_delivery("repo:push", kBody, kPreviousSecret).to(At::kRotatedPrevious),
       kFeatureRefreshed, kFeatureNames},
      {"receiver: the current secret at the previous path", push().to(At::kRotatedPrevious),
       kUnauthorized},
      {"receiver: the previous secret at the current path",
       signed_delivery("repo:push", kBody, kPreviousSecret).to(At::kRotated), kUnauthorized},
      {"receiver: a path that two projects share", push().to(At::kShared),
       refreshed_warehouses(shared.size()), shared},
      {"receiver: the ClusterConfig's reaches every namespace", push().to(At::kClusterConfig),
       refreshed_warehouses(everywhere.size()), everywhere},
      {"receiver: the ClusterConfig's reaches every Promotion",
       recorded_delivery("pr:merged", "data_center/pull_request_merged.json")
           .to(At::kClusterConfig),
       refreshed_promotions(2), names("dc-27 other/dc-27")},
  };
}

std::vector<Case> refusals() {
  const std::string above_limit(kBodyLimit + 1, ' ');
  const std::string at_limit = kBody + std::string(kBodyLimit - kBody.size(), ' ');
  const auto method = [](const char* name, At at, Framing framing) {
    return SentRequest{.method = name,
                       .at = at,
                       .body = framing == Framing::kNone ? "" : "{}",
                       .framing = framing};
  };
  std::vector<Case> cases{
      {"unknown path: 404", push().to(At::kNowhere), kUnknown, {}, "", true},
      {"unknown path: 404 before any of the body",
       push().to(At::kNowhere).framed(Framing::kAnnounced),
       kUnknown,
       {},
       "",
       true},
      {"unknown path: GET is 404 too", method("GET", At::kNowhere, Framing::kNone), kUnknown},
      {"unknown path: a ping is 404 too",
       unsigned_delivery("diagnostics:ping", "").to(At::kNowhere), kUnknown},
      {"method: GET is 405",
       method("GET", At::kReceiver, Framing::kNone),
       kWrongMethod,
       {},
       "Allow: POST"},
      {"method: DELETE is 405",
       method("DELETE", At::kReceiver, Framing::kNone),
       kWrongMethod,
       {},
       "Allow: POST"},
      {"method: PUT with a body is 405",
       method("PUT", At::kReceiver, Framing::kLength),
       kWrongMethod,
       {},
       "Allow: POST",
       true},
      {"size: exactly the limit", signed_delivery("repo:push", at_limit), kFeatureRefreshed,
       kFeatureNames},
      {"size: a Content-Length above the limit is 413, signed or not",
       unsigned_delivery("repo:push", above_limit).framed(Framing::kAnnounced),
       kTooLarge,
       {},
       "",
       true},
      {"size: a chunked body that grows past the limit is 413",
       signed_delivery("repo:push", above_limit).framed(Framing::kChunked),
       kTooLarge,
       {},
       "",
       true},
      {"size: a ping above the limit is 413",
       unsigned_delivery("diagnostics:ping", above_limit).framed(Framing::kAnnounced),
       kTooLarge,
       {},
       "",
       true},
      {"ping: unsigned", unsigned_delivery("diagnostics:ping", R"({"test": true})"), kPinged},
      {"ping: unsigned, charset",
       unsigned_delivery("diagnostics:ping", R"({"test": true})")
           .without("Content-Type")
           .with("Content-Type", "application/json; charset=UTF-8"),
       kPinged},
      {"ping: unsigned, empty body", unsigned_delivery("diagnostics:ping", ""), kPinged},
      {"ping: unsigned, no body", unsigned_delivery("diagnostics:ping", "").framed(Framing::kNone),
       kPinged},
      {"ping: signed", signed_delivery("diagnostics:ping", R"({"test": true})"), kPinged},
      {"ping: signed wrongly", signed_delivery("diagnostics:ping", R"({"test": true})", "another"),
       kPinged},
      {"ping: the body is a push", signed_delivery("diagnostics:ping", kBody), kPinged},
      {"ping: chunked",
       unsigned_delivery("diagnostics:ping", R"({"test": true})").framed(Framing::kChunked),
       kPinged},
      {"event: none", signed_delivery("", kBody),
       "200 {\"msg\":\"event type \\\"\\\" is ignored\"}\n"},
      {"event: of another letter case", signed_delivery("Repo:Push", kBody),
       "200 {\"msg\":\"event type \\\"Repo:Push\\\" is ignored\"}\n"},
      {"event: ignored, whatever the body", signed_delivery("repo:fork", "no JSON"),
       "200 {\"msg\":\"event type \\\"repo:fork\\\" is ignored\"}\n"},
      {"event: a mirror's header, a push in the body",
       recorded_delivery("mirror:repo_synchronized", "data_center/refs_changed_mirror.json"),
       "200 {\"msg\":\"event type \\\"mirror:repo_synchronized\\\" is ignored\"}\n"},
      {"method: GET is 405, and tells the form of the path",
       method("GET", At::kReceiver, Framing::kNone),
       kWrongMethod,
       {},
       "X-Receiver-Path: full"},
      {"ping: tells the form of the path",
       unsigned_delivery("diagnostics:ping", ""),
       kPinged,
       {},
       "X-Receiver-Path: full"},
  };
  for (const auto& [name, at] : {std::pair("/healthz", At::kHealth), std::pair("/", At::kRoot)}) {
    const std::string health = std::string("health at ") + name;
    cases.push_back(
        {health + ": GET is 200", method("GET", at, Framing::kNone), "200 {\"status\":\"ok\"}\n"});
    cases.push_back({health + ": HEAD is 200", method("HEAD", at, Framing::kNone), "200 "});
    cases.push_back({health + ": POST is 405",
                     method("POST", at, Framing::kLength),
                     kWrongMethod,
                     {},
                     "Allow: GET, HEAD",
                     true});
  }
  for (const char* event :
       {"pullrequest:created", "pullrequest:updated", "pullrequest:approved", "issue:created",
        "repo:commit_status_updated", "pr:opened", "pr:from_ref_updated", "pr:comment:added",
        "repo:modified", "repo:forked"}) {
    cases.push_back({std::string("event: ") + event, signed_delivery(event, kBody),
                     fmt::format("200 {{\"msg\":\"event type \\\"{}\\\" is ignored\"}}\n", event)});
  }
  for (const char* event : {"repo:push", "repo:refs_changed", "pullrequest:fulfilled",
                            "pullrequest:rejected", "pr:merged", "pr:declined", "pr:deleted"}) {
    cases.push_back({std::string("body: none, ") + event, signed_delivery(event, ""), kInvalid});
  }
  for (const char* body : {"null", "true", "7", "\"text\"", "[]", "[{}]", "{", "{}}", "{} {}",
                           "{\"push\": }", "<xml/>", "\xEF\xBB\xBF{}", "payload=%7B%7D"}) {
    cases.push_back({std::string("body: ") + body, signed_delivery("repo:push", body), kInvalid});
  }
  return cases;
}

}  // namespace receiver::test
