#include "cmd/receiverctl/wait.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/duration.h"
#include "cmd/receiverctl/whose.h"

namespace receiver::ctl {
namespace {

using std::chrono::milliseconds;

/// Interval of the checks.
constexpr milliseconds kWaitAgain{500};

struct WaitOptions {
  Whose whose;
  std::string receiver;
  std::string condition = "ready";
  milliseconds timeout{30'000};
};

constexpr const char* kWaitExamples = R"(Examples:
  receiverctl wait --for=ready --project kargo-demo
  receiverctl wait --for=ready --project kargo-demo --receiver bb-wh-receiver --timeout 2m)";

/// The result of one check.
struct Seen {
  std::vector<ReceiverState> receivers;  ///< the receivers to wait for
  std::vector<std::string> missing;
};

Result<Seen> look_at(Cluster& cluster, const WaitOptions& options) {
  const std::string& project = options.whose.project;
  const auto owner = cluster.owner(project);
  if (!owner) {
    // A missing object may still be created; other errors are final.
    if (owner.error().code != ExitCode::kNotWell) return tl::unexpected(owner.error());
    return Seen{.receivers = {}, .missing = {owner.error().message}};
  }
  const auto secrets = cluster.secrets(*owner);
  if (!secrets) return tl::unexpected(secrets.error());
  Seen seen{.receivers = receivers_of(*owner, *secrets), .missing = {}};
  seen.missing = missing_for_ready(seen.receivers, project, options.receiver);
  if (!options.receiver.empty()) {
    std::erase_if(seen.receivers,
                  [&](const ReceiverState& state) { return state.name != options.receiver; });
  }
  return seen;
}

std::string readiness_document(const std::vector<ReceiverState>& receivers, Format format) {
  Document document{.kind = "ReadinessList", .items = [&](Json& json) {
                      for (const ReceiverState& state : receivers) {
                        json.StartObject();
                        member(json, "project", state.project);
                        member(json, "name", state.name);
                        member(json, "ready", state.ready);
                        member(json, "why", state.why);
                        json.EndObject();
                      }
                    }};
  for (const ReceiverState& state : receivers) document.names.push_back(type_name(state));
  return document_text(document, format);
}

void print_seen(Context& context, const Seen& seen, milliseconds timeout) {
  if (is_document(context.format)) {
    context.out << readiness_document(seen.receivers, context.format);
  } else if (seen.missing.empty()) {
    for (const ReceiverState& state : seen.receivers) {
      context.out << fmt::format("receiver {} is ready\n", state.str());
    }
  }
  if (seen.missing.empty()) return;
  const double seconds = std::chrono::duration<double>(timeout).count();
  for (const std::string& missing : seen.missing) {
    context.err << fmt::format("not ready after {} s: {}\n", seconds, missing);
  }
}

Result<ExitCode> wait_for_ready(Context& context, const WaitOptions& options) {
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  const auto deadline = clock::Steady::now() + options.timeout;
  for (;;) {
    const auto seen = look_at(**connected, options);
    if (!seen) return tl::unexpected(seen.error());
    const auto left = deadline - clock::Steady::now();
    if (seen->missing.empty() || left <= left.zero()) {
      print_seen(context, *seen, options.timeout);
      return seen->missing.empty() ? ExitCode::kOk : ExitCode::kNotWell;
    }
    std::this_thread::sleep_for(std::min<clock::Steady::duration>(left, kWaitAgain));
  }
}

}  // namespace

std::vector<std::string> missing_for_ready(const std::vector<ReceiverState>& receivers,
                                           const std::string& project,
                                           const std::string& receiver) {
  std::vector<std::string> missing;
  bool any = false;
  for (const ReceiverState& state : receivers) {
    if (!receiver.empty() && state.name != receiver) continue;
    any = true;
    if (!state.ready) missing.push_back(fmt::format("receiver {}: {}", state.str(), state.why));
  }
  if (!any) {
    missing.push_back(fmt::format("{} declares no Bitbucket receiver{}", described(project),
                                  receiver.empty() ? "" : fmt::format(" {:?}", receiver)));
  }
  return missing;
}

void add_wait(CLI::App& app, Context& context) {
  const auto options = std::make_shared<WaitOptions>();
  CLI::App* command = app.add_subcommand(
      "wait", "Wait until the receivers of a project are ready, or one of them.");
  command->add_option("--for", options->condition, "What for: ready.")
      ->option_text("CONDITION")
      ->check(CLI::IsMember({"ready"}));
  add_whose(*command, options->whose);
  command->add_option("--receiver", options->receiver, "Only for this one.")
      ->option_text("R")
      ->check(is_receiver());
  command
      ->add_option_function<std::string>(
          "--timeout",
          [options](const std::string& text) {
            const auto time = read_duration(text);
            if (!time) throw CLI::ValidationError("--timeout", "expected a time such as 90s, 2m");
            options->timeout = *time;
          },
          "How long at most, such as 90s or 2m; 0 checks once. Default: 30s.")
      ->option_text("TIME");
  command->footer(std::string(kWaitExamples) +
                  "\n\nA receiver is ready when its published URL matches its Secret.\n\nExit code "
                  "1: not ready in time; the command reports what is missing. Others: "
                  "see `receiverctl --help`.");
  command->callback([&context, options] {
    require(context, options->whose);
    context.command = [&context, options] { return wait_for_ready(context, *options); };
  });
}

}  // namespace receiver::ctl
