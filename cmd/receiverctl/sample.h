#pragma once

#include <string>
#include <string_view>

#include "bitbucket/event.h"
#include "cmd/receiverctl/context.h"
#include "http/message.h"

/// Deliveries as Bitbucket would send them.
namespace receiver::ctl {

/// The subject of a sample.
struct SampleSubject {
  std::string repository;    ///< any of its URLs, or of its pages
  std::string branch;        ///< used without a tag
  std::string tag;           ///< empty: the branch has moved; otherwise this tag is new
  std::string pull_request;  ///< URL of its page
  std::string time;          ///< RFC 3339
};

/// A body of that event, with the members that receivers read. The failure says which part of the
/// subject is missing or wrong.
[[nodiscard]] Result<std::string> sample_body(const bitbucket::Event& event,
                                              const SampleSubject& subject);

/// `repo:push` for a repository of Bitbucket Cloud, `repo:refs_changed` for others.
[[nodiscard]] std::string_view push_event_of(std::string_view repository);

/// The header fields of a delivery of that event, without a signature; `id` is a UUID.
[[nodiscard]] http::Headers delivery_headers(std::string_view event, const std::string& id);
[[nodiscard]] std::string new_uuid();
/// The value of X-Hub-Signature.
[[nodiscard]] std::string signature_of(std::string_view body, std::string_view secret);

}  // namespace receiver::ctl
