#include "test/support/api.h"

#include <stdexcept>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "kube/config.h"
#include "kube/rest.h"
#include "log/logger.h"
#include "test/support/blocking.h"

namespace receiver::test {

class Api::Impl {
 public:
  explicit Impl(const std::string& kubeconfig) {
    const auto none = [](std::string_view) { return std::optional<std::string>{}; };
    auto config = kube::load_config({kubeconfig, none});
    if (!config) throw std::runtime_error(config.error());
    auto rest = kube::RestClient::create(context_.get_executor(), std::move(*config),
                                         {"integration-tests"}, log::Logger::none());
    if (!rest) throw std::runtime_error(rest.error());
    rest_ = std::move(*rest);
  }

  kube::ApiResult<std::string> send(std::string method, std::string target, std::string body = {},
                                    std::string content_type = {}) {
    http::Request request{std::move(method), std::move(target), {}, std::move(body)};
    if (!content_type.empty()) request.headers.add("Content-Type", std::move(content_type));
    return await(context_, rest_->send(std::move(request), kube::RestClient::kTimeout));
  }

 private:
  boost::asio::io_context context_{1};
  std::unique_ptr<kube::RestClient> rest_;
};

namespace {

std::string or_throw(kube::ApiResult<std::string> result, const std::string& what) {
  if (!result) {
    throw std::runtime_error(what + ": " + std::to_string(result.error().status) + " " +
                             result.error().message);
  }
  return std::move(*result);
}

}  // namespace

Api::Api(const std::string& kubeconfig) : impl_(std::make_unique<Impl>(kubeconfig)) {}
Api::~Api() = default;

std::optional<Json> Api::find(const std::string& path) const {
  auto answer = impl_->send("GET", path);
  if (!answer && answer.error().kind == kube::ApiError::Kind::kNotFound) return std::nullopt;
  return Json(or_throw(std::move(answer), "GET " + path));
}

Json Api::get(const std::string& path) const {
  return Json(text(path));
}

std::string Api::text(const std::string& path) const {
  return or_throw(impl_->send("GET", path), "GET " + path);
}

Json Api::create(const std::string& collection, std::string_view body) const {
  return Json(or_throw(impl_->send("POST", collection, std::string(body), "application/json"),
                       "POST " + collection));
}

void Api::replace(const std::string& path, std::string_view body) const {
  or_throw(impl_->send("PUT", path, std::string(body), "application/json"), "PUT " + path);
}

void Api::merge_patch(const std::string& path, std::string_view body) const {
  or_throw(impl_->send("PATCH", path, std::string(body), "application/merge-patch+json"),
           "PATCH " + path);
}

void Api::remove(const std::string& path) const {
  auto answer = impl_->send("DELETE", path);
  if (!answer && answer.error().kind == kube::ApiError::Kind::kNotFound) return;
  or_throw(std::move(answer), "DELETE " + path);
}

}  // namespace receiver::test
