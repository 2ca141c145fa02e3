#include "cmd/receiverctl/url.h"

#include <memory>
#include <ostream>

#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/whose.h"
#include "controllers/derive.h"

namespace receiver::ctl {
namespace {

struct UrlOptions {
  Whose whose;
  std::string receiver;
  std::string secret_file;
  std::string base_url;
};

constexpr const char* kUrlExamples = R"(Examples:
  receiverctl url --project kargo-demo --receiver bb-wh-receiver \
    --secret-file secret.txt --base-url https://hooks.example.com/kargo
  kubectl -n kargo-demo get secret bb-wh-secret -o jsonpath='{.data.secret}' | base64 -d |
    receiverctl url --project kargo-demo --receiver bb-wh-receiver --secret-file - \
      --base-url https://hooks.example.com/kargo)";

Result<ExitCode> print_url(Context& context, const UrlOptions& options) {
  const auto base = controllers::parse_base_url(options.base_url);
  if (!base) return wrong_usage("--base-url: " + base.error());
  const auto secret = read_secret(context, options.secret_file);
  if (!secret) return tl::unexpected(secret.error());
  const std::string path =
      controllers::receiver_path(*base, options.whose.project, options.receiver, secret->view());
  if (!is_document(context.format)) {
    context.out << base->origin << path << '\n';
    return ExitCode::kOk;
  }
  const auto item = [&](Json& json) {
    json.StartObject();
    member(json, "project", options.whose.project);
    member(json, "receiver", options.receiver);
    member(json, "path", path);
    member(json, "url", base->origin + path);
    json.EndObject();
  };
  context.out << document_text(
      {.kind = "UrlList",
       .items = item,
       .names = {owner_name(options.whose.project) + "/" + options.receiver}},
      context.format);
  return ExitCode::kOk;
}

}  // namespace

void add_url(CLI::App& app, Context& context) {
  const auto options = std::make_shared<UrlOptions>();
  CLI::App* command =
      app.add_subcommand("url", "Compute a receiver's URL from its parts, without a cluster.");
  add_whose(*command, options->whose);
  require_receiver(*command, options->receiver);
  command
      ->add_option(
          "--secret-file", options->secret_file,
          "File that contains the value of the Secret's key `secret`, byte for byte; - for "
          "standard input.")
      ->option_text("FILE")
      ->required();
  command
      ->add_option("--base-url", options->base_url,
                   "The operator's EXTERNAL_WEBHOOK_SERVER_BASE_URL.")
      ->option_text("U")
      ->required();
  command->footer(kUrlExamples);
  command->callback([&context, options] {
    require(context, options->whose);
    context.command = [&context, options] { return print_url(context, *options); };
  });
}

}  // namespace receiver::ctl
