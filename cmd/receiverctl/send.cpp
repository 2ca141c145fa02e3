#include "cmd/receiverctl/send.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <thread>

#include <fmt/format.h>

#include "bitbucket/signature.h"
#include "bitbucket_rest/webhook.h"
#include "clock/clock.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/explain.h"
#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/matching.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/sample.h"
#include "cmd/receiverctl/web.h"
#include "cmd/receiverctl/whose.h"

namespace receiver::ctl {
namespace {

using std::chrono::milliseconds;

/// Bitbucket's own timeout.
constexpr milliseconds kAnswerPatience{10'000};
/// Deliveries answered 202 are applied later.
constexpr milliseconds kQueuePatience{10'000};
constexpr milliseconds kLookAgain{200};

struct SendOptions {
  std::string event;
  SampleSubject subject;
  std::string payload_file;
  Whose whose;
  std::string receiver;
  std::string url;
  std::string secret_file;
  std::string via;
  std::string ca_file;
};

constexpr const char* kSendExamples = R"(Examples:
  receiverctl send --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/acme/shop --branch main
  receiverctl send --project kargo-demo --receiver bb-wh-receiver \
    --event repo:refs_changed --repo https://git.example.com/scm/acme/shop.git --tag v1.2.0
  receiverctl send --project kargo-demo --receiver bb-wh-receiver \
    --event pullrequest:fulfilled --pull-request https://bitbucket.org/acme/gitops/pull-requests/7
  receiverctl send --project kargo-demo --receiver bb-wh-receiver --payload saved.json
  receiverctl send --project kargo-demo --receiver bb-wh-receiver --event repo:fork --payload -
  receiverctl send --url "$URL" --secret-file secret.txt --event diagnostics:ping
  kubectl -n kargo port-forward service/bitbucket-receiver 8080:80 &
  receiverctl send --via http://127.0.0.1:8080 --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/acme/shop)";

/// A delivery without its destination.
struct Draft {
  std::string event;
  std::string body;
  std::optional<bitbucket::Payload> payload;  ///< nothing for a ping and for ignored events
};

Result<Draft> draft(Context& context, const SendOptions& options) {
  if (options.event == bitbucket::kPingEvent) {
    return Draft{options.event, R"({"test": true})", std::nullopt};
  }
  std::string body;
  std::string key = options.event;
  if (!options.payload_file.empty()) {
    auto saved = read_input(context, options.payload_file);
    if (!saved) return tl::unexpected(saved.error());
    body = std::move(*saved);
  } else if (key.empty()) {
    if (options.subject.repository.empty()) {
      return wrong_usage("nothing to send: set --repo, --event or --payload");
    }
    key = push_event_of(options.subject.repository);
  }
  auto event = event_key_of(key, body);
  if (!event) return tl::unexpected(event.error());
  const auto kind = bitbucket::event_kind(*event);
  if (options.payload_file.empty()) {
    if (!kind) {
      return wrong_usage(
          fmt::format("no payload can be made for {:?}: give one with --payload", key));
    }
    SampleSubject subject = options.subject;
    if (subject.branch.empty()) subject.branch = "main";
    subject.time = clock::format_seconds(clock::Wall::now());
    auto sample = sample_body({*event, *kind}, subject);
    if (!sample) return tl::unexpected(sample.error());
    body = std::move(*sample);
  }
  if (!kind) return Draft{std::move(*event), std::move(body), std::nullopt};
  auto payload = bitbucket::parse_payload(*kind, body);
  if (!payload) return unreachable(fmt::format("{}: {}", options.payload_file, payload.error()));
  return Draft{std::move(*event), std::move(body), std::move(*payload)};
}

Result<ReceiverAccess> access_to(Context& context, Cluster* cluster, const SendOptions& options) {
  if (cluster != nullptr) return receiver_access(*cluster, options.whose.project, options.receiver);
  auto secret = read_secret(context, options.secret_file);
  if (!secret) return tl::unexpected(secret.error());
  return ReceiverAccess{options.url, std::move(*secret)};
}

/// The targets and their refresh annotations.
class Targets {
 public:
  /// Reads them before the delivery.
  static Result<Targets> look(Cluster& cluster, const bitbucket::Payload& payload,
                              const std::string& project) {
    Targets targets(cluster, project);
    targets.kind_ = std::holds_alternative<bitbucket::Push>(payload)
                        ? controllers::TargetKind::kWarehouse
                        : controllers::TargetKind::kPromotion;
    const auto found = matches(cluster, payload, project);
    if (!found) return tl::unexpected(found.error());
    targets.targets_ = targets_among(*found);
    auto before = cluster.refresh_tokens(targets.kind_, project);
    if (!before) return tl::unexpected(before.error());
    targets.before_ = std::move(*before);
    return targets;
  }

  /// Reads them again until all have changed or the time is up.
  Result<std::vector<Refreshed>> changed(milliseconds patience) {
    const auto deadline = clock::Steady::now() + patience;
    for (;;) {
      auto now = cluster_.refresh_tokens(kind_, project_);
      if (!now) return tl::unexpected(now.error());
      std::vector<Refreshed> refreshed;
      for (const controllers::Target& target : targets_) {
        const std::string& token = (*now)[target.key];
        refreshed.push_back({target, token != before_[target.key], token});
      }
      const bool all = std::ranges::all_of(refreshed, &Refreshed::changed);
      if (all || clock::Steady::now() >= deadline) return refreshed;
      std::this_thread::sleep_for(kLookAgain);
    }
  }

 private:
  Targets(Cluster& cluster, std::string project)
      : cluster_(cluster), project_(std::move(project)) {}

  Cluster& cluster_;
  std::string project_;
  controllers::TargetKind kind_{};
  std::vector<controllers::Target> targets_;
  std::map<kube::ObjectKey, std::string> before_;
};

/// Fills in the answer.
Result<void> deliver(const SendOptions& options, const Draft& draft, const ReceiverAccess& access,
                     const Asking& asking, Sent& sent) {
  auto address = parse_web_address(access.url);
  if (!address) return tl::unexpected(address.error());
  const std::string path = address->path;
  if (!options.via.empty()) {
    address = parse_web_address(options.via);
    if (!address) {
      return tl::unexpected(Failure{ExitCode::kUsage, "--via: " + address.error().message});
    }
  }
  http::Request request{.method = "POST",
                        .target = path.empty() ? "/" : path,
                        .headers = delivery_headers(draft.event, sent.id),
                        .body = draft.body};
  // Data Center does not sign its ping.
  if (draft.event != bitbucket::kPingEvent) {
    request.headers.add(std::string(bitbucket::kSignatureHeader),
                        signature_of(draft.body, access.secret.view()));
  }
  sent.origin = address->origin();
  auto answer = ask(*address, std::move(request), asking);
  if (!answer) {
    return unreachable(fmt::format("{} does not answer: {}", sent.origin, answer.error().message));
  }
  sent.status = answer->response.status;
  std::string& body = answer->response.body;
  body.erase(body.find_last_not_of('\n') + 1);
  // Another server's answer may be a whole page that repeats the path.
  sent.answer = bitbucket_rest::masked_text(body, access.secret.view());
  sent.took = answer->took;
  return {};
}

Result<ExitCode> send(Context& context, const SendOptions& options) {
  const bool by_url = !options.url.empty();
  if (by_url ? options.secret_file.empty() : options.receiver.empty()) {
    return wrong_usage("no receiver: set --project and --receiver, or --url and --secret-file");
  }
  const auto drafted = draft(context, options);
  if (!drafted) return tl::unexpected(drafted.error());
  const auto ca_pem = read_optional(context, options.ca_file);
  if (!ca_pem) return tl::unexpected(ca_pem.error());
  std::unique_ptr<Cluster> cluster;
  if (!by_url) {
    auto connected = Cluster::connect(context);
    if (!connected) return tl::unexpected(connected.error());
    cluster = std::move(*connected);
  }
  const auto access = access_to(context, cluster.get(), options);
  if (!access) return tl::unexpected(access.error());
  std::optional<Targets> targets;
  if (cluster && drafted->payload) {
    auto looked = Targets::look(*cluster, *drafted->payload, options.whose.project);
    if (!looked) return tl::unexpected(looked.error());
    targets.emplace(std::move(*looked));
  }
  Sent sent{.event = drafted->event, .id = new_uuid()};
  const Asking asking{.patience = context.request_timeout.value_or(kAnswerPatience),
                      .ca_pem = *ca_pem,
                      .trace = trace_of(context)};
  const auto delivered = deliver(options, *drafted, *access, asking, sent);
  if (!delivered) return tl::unexpected(delivered.error());
  const bool ignored = !drafted->payload && drafted->event != bitbucket::kPingEvent;
  if (ignored) sent.objects.emplace();
  if (targets) {
    auto changed = targets->changed(sent.status == 202 ? kQueuePatience : milliseconds(0));
    if (!changed) return tl::unexpected(changed.error());
    sent.objects = std::move(*changed);
  }
  context.out << (is_document(context.format) ? sent_document(sent, context.format)
                                              : sent_text(sent, Layout(context)));
  return sent.well() ? ExitCode::kOk : ExitCode::kNotWell;
}

void write_refreshed(Json& json, const std::vector<Refreshed>& objects) {
  json.Key("objects");
  json.StartArray();
  for (const Refreshed& object : objects) {
    json.StartObject();
    member(json, "kind",
           object.object.kind == controllers::TargetKind::kWarehouse ? "Warehouse" : "Promotion");
    member(json, "namespace", object.object.key.ns);
    member(json, "name", object.object.key.name);
    member(json, "refreshed", object.changed);
    member(json, "annotation", object.token);
    json.EndObject();
  }
  json.EndArray();
}

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}

}  // namespace

bool Sent::well() const {
  if (!is_success(status)) return false;
  return !objects || (!objects->empty() && std::ranges::all_of(*objects, &Refreshed::changed));
}

std::string advice_on(const Sent& sent) {
  switch (sent.status) {
    case 401:
      return "The receiver has another secret, perhaps one with a newline at its end: see "
             "`receiverctl check`.";
    case 404:
      return "No receiver has this URL (any more), or another server answers: compare with "
             "`receiverctl receivers --show-urls`.";
    case 503:
      return "The operator is starting, or at one of its limits: see /readyz?verbose on its "
             "metrics "
             "port, and its log.";
    default:
      break;
  }
  if (sent.status >= 300 && sent.status < 400) {
    return "A proxy redirects deliveries; Bitbucket does not follow redirects: correct the base "
           "URL.";
  }
  if (!is_success(sent.status) || !sent.objects || sent.well()) return {};
  if (sent.objects->empty()) {
    return "It refreshes nothing: `receiverctl explain` shows why for a payload, and `receiverctl "
           "receivers describe` shows what pushes refresh.";
  }
  return "Not all were refreshed: the operator's log names this delivery and says why.";
}

std::string sent_text(const Sent& sent, const Layout& layout) {
  const Tone tone = is_success(sent.status) ? Tone::kGood : Tone::kBad;
  std::string text = lines({{"Event", sent.event},
                            {"Delivery", sent.id},
                            {"Sent to", sent.origin},
                            {"Answer", Cell(fmt::format("{} {}", sent.status, sent.answer), tone)},
                            {"Time", fmt::format("{} ms", sent.took.count())}},
                           layout);
  if (sent.objects && !sent.objects->empty()) {
    Table table({"REFRESHED", "OBJECT", "ANNOTATION"});
    for (const Refreshed& object : *sent.objects) {
      if (layout.columns && table.rows() == kRowsOnTerminal) break;
      table.add({object.changed ? Cell("yes", Tone::kGood) : Cell("no", Tone::kBad),
                 name_of(object.object), object.token});
    }
    text += '\n' + table.text(layout);
    if (table.rows() < sent.objects->size()) {
      text += fmt::format("… and {} more: -o json has all.\n", sent.objects->size() - table.rows());
    }
  }
  const std::string advice = advice_on(sent);
  if (!advice.empty()) text += '\n' + paragraph(Cell(advice, Tone::kWarning), layout);
  return text;
}

std::string sent_document(const Sent& sent, Format format) {
  Document document{.kind = "SentDeliveryList", .items = [&](Json& json) {
                      json.StartObject();
                      member(json, "event", sent.event);
                      member(json, "delivery", sent.id);
                      member(json, "origin", sent.origin);
                      member(json, "status", static_cast<std::int64_t>(sent.status));
                      member(json, "answer", sent.answer);
                      member(json, "milliseconds", static_cast<std::int64_t>(sent.took.count()));
                      if (sent.objects) write_refreshed(json, *sent.objects);
                      json.EndObject();
                    }};
  document.names.push_back("delivery/" + sent.id);
  return document_text(document, format);
}

void add_send(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SendOptions>();
  CLI::App* command =
      app.add_subcommand("send", "Send a signed delivery as Bitbucket would, and show its result.");
  const char* what = "Delivery";
  const char* whom = "Receiver";
  command
      ->add_option("--event", options->event,
                   event_choices() +
                       ", diagnostics:ping; or any other with --payload. If not given: "
                       "guessed from the payload, or a push, for the repository's product.")
      ->option_text("KEY")
      ->group(what);
  command->add_option("--repo", options->subject.repository, "The repository that is pushed to.")
      ->option_text("URL")
      ->group(what);
  CLI::Option* branch = command->add_option("--branch", options->subject.branch,
                                            "The branch that has moved. Default: main.");
  branch->option_text("B")->group(what);
  command->add_option("--tag", options->subject.tag, "The tag that is new.")
      ->option_text("T")
      ->excludes(branch)
      ->group(what);
  command
      ->add_option("--pull-request", options->subject.pull_request,
                   "The page of the pull request that has ended.")
      ->option_text("URL")
      ->group(what);
  command
      ->add_option("--payload", options->payload_file,
                   "A payload to send instead, such as one from Bitbucket's request history; - for "
                   "standard input.")
      ->option_text("FILE")
      ->group(what);
  add_whose(*command, options->whose, whom);
  CLI::Option* receiver =
      command->add_option("--receiver", options->receiver,
                          "Name of the receiver; its URL and secret are read from the cluster.");
  receiver->option_text("R")->check(is_receiver())->group(whom);
  CLI::Option* url = command->add_option(
      "--url", options->url,
      "A receiver's URL, without a cluster. What is refreshed is shown with --receiver only.");
  url->option_text("U")->excludes(receiver)->group(whom);
  command->add_option("--secret-file", options->secret_file, "Its secret; - for standard input.")
      ->option_text("FILE")
      ->needs(url)
      ->group(whom);
  command
      ->add_option("--via", options->via,
                   "Where to connect instead of the URL's own host: http(s)://HOST:PORT of a "
                   "port-forward.")
      ->option_text("ORIGIN")
      ->group(whom);
  command
      ->add_option("--ca-file", options->ca_file,
                   "PEM file of CAs to trust instead of the system's.")
      ->option_text("FILE")
      ->group(whom);
  command->footer(
      std::string(kSendExamples) +
      "\n\nExit code 1: it was not answered 2xx, or did not refresh all of its objects, or "
      "refreshes nothing (known with --receiver, and for events that the operator "
      "ignores).\nOthers: see `receiverctl --help`.");
  command->callback([&context, options] {
    if (!options->receiver.empty()) require(context, options->whose);
    context.command = [&context, options] { return send(context, *options); };
  });
}

}  // namespace receiver::ctl
