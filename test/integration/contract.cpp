#include "test/integration/contract.h"

#include <sstream>
#include <utility>

#include "test/support/delivery.h"

namespace receiver::test {

Names names(std::string_view text) {
  std::istringstream words{std::string(text)};
  Names result;
  for (std::string word; words >> word;) result.insert(word);
  return result;
}

Names operator+(Names left, const Names& right) {
  left.insert(right.begin(), right.end());
  return left;
}

Names operator-(Names left, const Names& right) {
  for (const std::string& name : right) left.erase(name);
  return left;
}

SentRequest SentRequest::with(std::string name, std::string value) && {
  headers.emplace_back(std::move(name), std::move(value));
  return std::move(*this);
}

SentRequest SentRequest::without(std::string_view name) && {
  std::erase_if(headers, [&](const auto& header) { return header.first == name; });
  return std::move(*this);
}

SentRequest SentRequest::to(At place) && {
  at = place;
  return std::move(*this);
}

SentRequest SentRequest::framed(Framing by) && {
  framing = by;
  return std::move(*this);
}

SentRequest SentRequest::by_origin(std::string scheme_and_host) && {
  origin = std::move(scheme_and_host);
  return std::move(*this);
}

SentRequest SentRequest::asking(std::string text) && {
  query = std::move(text);
  return std::move(*this);
}

SentRequest unsigned_delivery(const std::string& event, const std::string& body) {
  SentRequest sent{.headers = {{"Content-Type", "application/json"}}, .body = body};
  if (!event.empty()) sent.headers.emplace_back("X-Event-Key", event);
  return sent;
}

SentRequest signed_delivery(const std::string& event, const std::string& body,
                            const std::string& secret) {
  return unsigned_delivery(event, body).with("X-Hub-Signature", signature_of(body, secret));
}

SentRequest recorded_delivery(const std::string& event, const std::string& file) {
  return signed_delivery(event, recorded(event, file).body);
}

std::string refreshed_warehouses(std::size_t count) {
  return "200 {\"msg\":\"refreshed " + std::to_string(count) + " warehouse(s)\"}\n";
}

std::string refreshed_promotions(std::size_t count) {
  return "200 {\"msg\":\"refreshed " + std::to_string(count) + " promotion(s)\"}\n";
}

}  // namespace receiver::test
