// Answers of Bitbucket's REST APIs to each question. The input has one answer per line: a body, or
// a status and a body.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bitbucket_rest/latest_failure.h"
#include "bitbucket_rest/questions.h"
#include "bitbucket_rest/registrar.h"
#include "bitbucket_rest/unregister.h"
#include "test/fuzz/fuzz.h"
#include "text/ascii.h"

namespace receiver::fuzz {
namespace {

using bitbucket::Commit;
using bitbucket::Source;
using bitbucket_rest::Action;
using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::ApiRequest;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::ChangedFiles;
using bitbucket_rest::DefaultBranch;
using bitbucket_rest::FirstParents;
using bitbucket_rest::kMaxAnswerBytes;
using bitbucket_rest::LatestFailure;
using bitbucket_rest::place_of;
using bitbucket_rest::RegisterWebhook;
using bitbucket_rest::Repository;
using bitbucket_rest::UnregisterWebhooks;
using bitbucket_rest::WantedWebhook;
using bitbucket_rest::Webhook;

const std::string kOld(40, 'a');
const std::string kNew(40, 'b');

std::vector<ApiAnswer> answers_of(std::string_view input) {
  std::vector<ApiAnswer> answers;
  while (!input.empty() && answers.size() < 100) {
    std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    ApiAnswer& answer = answers.emplace_back();
    answer.status = 200;
    const auto status = text::parse_number<unsigned>(line.substr(0, 3));
    if (status && line.size() >= 3) {
      answer.status = *status;
      line.remove_prefix(3);
      answer.retry_after = answer.location = line;
    }
    answer.body = line;
  }
  return answers;
}

/// Runs the operation, and checks its requests.
template <class Asked>
tl::expected<typename Asked::Value, BitbucketError> ask(Asked question, bool reads_only,
                                                        unsigned max_requests,
                                                        const std::vector<ApiAnswer>& answers) {
  const std::string place = api_url(question.repository());
  std::string inherited = inherited_list_request(question.repository()).url;
  inherited.erase(inherited.find('?'));
  std::size_t asked = 0;
  run(question, [&](const ApiRequest& request) -> tl::expected<ApiAnswer, BitbucketError> {
    require(!reads_only || request.method == "GET", "a question changes nothing");
    require(request.url.starts_with(place) ||
                (request.method == "GET" && request.url.starts_with(inherited)),
            "nobody but this repository and its owner is asked");
    if (asked == answers.size()) {
      return tl::unexpected(
          BitbucketError{.kind = ApiFailure::kUnreachable, .message = "no answer"});
    }
    return answers[asked++];
  });
  require(question.requests() <= max_requests, "the requests are bounded");
  if (!question.result()) {
    const std::string& message = question.result().error().message;
    require(!message.empty() && message.find('\n') == std::string::npos, "a failure is one line");
  }
  return question.result();
}

void check_files(const Repository& repository, const std::vector<ApiAnswer>& answers) {
  const auto files =
      ask(ChangedFiles(repository, {kNew, kOld}), true, ChangedFiles::kMaxRequests, answers);
  if (!files) return;
  require(!files->empty(), "no file is no answer");
  std::size_t bytes = 0;
  for (const std::string& path : *files) {
    require(!path.empty(), "a file has a path");
    bytes += path.size();
  }
  require(bytes <= kMaxAnswerBytes, "paths are bounded");
}

void check_parents(const Repository& repository, const std::vector<ApiAnswer>& answers) {
  const auto walk =
      ask(FirstParents(repository, kNew, kOld), true, FirstParents::kMaxRequests, answers);
  if (walk) {
    require(!walk->empty() && walk->size() <= bitbucket::kMaxSteps, "a walk is bounded");
    std::string next = kNew;
    for (const Commit& commit : *walk) {
      require(commit.hash == next, "a walk goes from parent to parent");
      next = commit.first_parent;
    }
    require(next == kOld, "a walk ends at the old commit");
  }
  const auto tagged =
      ask(FirstParents(repository, kNew, ""), true, FirstParents::kMaxRequests, answers);
  require(!tagged || tagged->size() == 1, "a tag is at one commit");
}

}  // namespace

void fuzz(std::string_view input) {
  const std::vector<ApiAnswer> answers = answers_of(input);
  for (const Repository& repository :
       {Repository{Source::kCloud, "https://api.bitbucket.org", "team", "shop"},
        Repository{Source::kDataCenter, "https://example.com/git", "~someone", "web"}}) {
    check_files(repository, answers);
    check_parents(repository, answers);
    const auto branch = ask(DefaultBranch(repository), true, DefaultBranch::kMaxRequests, answers);
    require(!branch || branch->starts_with("refs/heads/"), "a branch has its full name");
    const WantedWebhook wanted{.name = "Kargo demo/bb",
                               .mark = "[0123456789ab/bb]",
                               .url = "https://example.com/bitbucket/0",
                               .secret = crypto::SecretString("secret")};
    const auto plan = ask(RegisterWebhook({.repository = repository, .wanted = wanted}), false,
                          RegisterWebhook::kMaxRequests, answers);
    require(!plan || plan->action == Action::kSkip ||
                place_of(plan->webhook.url) == "https://example.com/bitbucket/0",
            "a webhook leads to its receiver, or is left alone");
    const auto deleted = ask(UnregisterWebhooks({.repository = repository, .receiver = wanted}),
                             false, UnregisterWebhooks::kMaxRequests, answers);
    for (const Webhook& webhook : deleted.value_or(std::vector<Webhook>())) {
      require(place_of(webhook.url) == wanted.url ||
                  webhook.title.find(wanted.mark) != std::string::npos,
              "no stranger's webhook is deleted");
    }
    const auto failure =
        ask(LatestFailure(repository, "7"), true, LatestFailure::kMaxRequests, answers);
    require(!failure || !*failure || (*failure)->words.find('\n') == std::string::npos,
            "Bitbucket's words are one line");
  }
}

}  // namespace receiver::fuzz
