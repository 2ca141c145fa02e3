#pragma once

#include <string>
#include <string_view>

#include "bitbucket/event.h"
#include "cmd/receiverctl/context.h"
#include "http/message.h"

/// Deliveries as Bitbucket would send them.
namespace receiver::ctl {

/// What a sample is about.
struct SampleSubject {
  std::string repository;    ///< any of its URLs, or of its pages
  std::string branch;        ///< if there is no tag
  std::string tag;           ///< empty: a branch has moved; otherwise: this tag is new
  std::string pull_request;  ///< URL of its page
  std::string time;          ///< RFC 3339
};

/// A body of that event, with the members that Bitbucket writes and receivers look at. The failure
/// says what of the subject is missing or cannot be read.
[[nodiscard]] Result<std::string> sample_body(const bitbucket::Event& event,
                                              const SampleSubject& subject);

/// `repo:push` for a repository of Bitbucket Cloud, `repo:refs_changed` for any other.
[[nodiscard]] std::string_view push_event_of(std::string_view repository);

/// The header fields of a delivery of that event, without a signature; `id` is a UUID.
[[nodiscard]] http::Headers delivery_headers(std::string_view event, const std::string& id);
[[nodiscard]] std::string new_uuid();
/// The value of X-Hub-Signature.
[[nodiscard]] std::string signature_of(std::string_view body, std::string_view secret);

}  // namespace receiver::ctl
