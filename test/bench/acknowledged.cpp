#include "test/bench/acknowledged.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "kube/json.h"

namespace receiver::bench {

namespace asio = boost::asio;

namespace {
constexpr const char* kRefresh = "kargo.akuity.io/refresh";
}

void Acknowledged::note(const Project& project, clock::Wall::time_point sent) {
  Last& last = last_.try_emplace(project.name, Last{project, sent}).first->second;
  last.sent = std::max(last.sent, sent);
}

asio::awaitable<void> Acknowledged::check(kube::RestClient& administrator) {
  for (const auto& [name, last] : std::exchange(last_, {})) {
    for (std::size_t index = 0; index < last.project.warehouses; ++index) {
      const kube::ObjectKey key = last.project.warehouse(index);
      const auto answer = co_await administrator.get(kWarehouses.path(key));
      if (!answer) throw std::runtime_error("GET " + key.str() + ": " + answer.error().message);
      const auto object = kube::parse_json(*answer);
      if (!object) throw std::runtime_error("GET " + key.str() + ": " + object.error());
      // A pointer's steps are split at each slash, which this annotation's name has.
      const rapidjson::Value* annotations = kube::find(*object, "/metadata/annotations");
      const auto token = annotations == nullptr ? rapidjson::Value::ConstMemberIterator()
                                                : annotations->FindMember(kRefresh);
      const bool there = annotations != nullptr && token != annotations->MemberEnd();
      const auto at = there ? clock::parse_rfc3339(token->value.GetString()) : std::nullopt;
      if (!at || *at < last.sent) {
        throw std::runtime_error(fmt::format(
            "acknowledged, but not applied: {} has the token {}, the delivery was sent at {}",
            key.str(), there ? token->value.GetString() : "none", clock::format_nanos(last.sent)));
      }
    }
  }
}

}  // namespace receiver::bench
