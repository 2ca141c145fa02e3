#include "cmd/receiverctl/versions.h"

#include <memory>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/operator_deployment.h"
#include "cmd/version.h"
#include "git/semver.h"
#include "json/json.h"

namespace receiver::ctl {
namespace {

struct VersionOptions {
  std::string operator_namespace;
  bool client_only = false;
};

constexpr const char* kVersionExamples = R"(Examples:
  receiverctl version
  receiverctl version --client
  receiverctl version --operator-namespace kargo-webhooks -o json

The operator's version is that of its Deployment, which has the label
app.kubernetes.io/name=bitbucket-receiver. You need the permission to list deployments.apps in the
operator's namespace.

Exit code 3: the API server cannot be reached. Others: see `receiverctl --help`.)";

ComponentVersion client_version() {
  return {.component = "client",
          .version = std::string(version()),
          .commit = std::string(commit()),
          .date = std::string(commit_date())};
}

ComponentVersion operator_version(Cluster& cluster, const std::string& ns) {
  ComponentVersion found{.component = "operator"};
  const auto deployment = find_operator(cluster, ns);
  if (!deployment) {
    found.message = deployment.error().message;
  } else if (!*deployment) {
    found.message = fmt::format(
        "there is no Deployment with the label {} in {}: --operator-namespace names another "
        "namespace",
        kOperatorLabel, ns);
  } else {
    const OperatorDeployment& one = **deployment;
    found.version = one.version;
    found.image = one.image;
    found.message = fmt::format("Deployment {}, {} of {} replicas ready, image {}", one.key.str(),
                                one.ready, one.replicas, one.image);
  }
  return found;
}

Result<ComponentVersion> api_server_version(Cluster& cluster) {
  const auto answer = cluster.get("/version");
  if (!answer) {
    return tl::unexpected(
        cluster.failure("the API server's version cannot be read", answer.error()));
  }
  const auto read = json::parse(*answer);
  return ComponentVersion{
      .component = "apiServer",
      .version = read ? std::string(json::string_at(*read, "/gitVersion")) : std::string(),
      .message = cluster.server()};
}

void print(Context& context, const std::vector<ComponentVersion>& versions) {
  context.out << (is_document(context.format) ? versions_document(versions, context.format)
                                              : versions_text(versions, Layout(context)));
}

Result<ExitCode> tell_versions(Context& context, const VersionOptions& options) {
  std::vector<ComponentVersion> versions{client_version()};
  Result<ExitCode> code = ExitCode::kOk;
  if (!options.client_only) {
    const auto cluster = Cluster::connect(context);
    auto api_server = cluster ? api_server_version(**cluster)
                              : Result<ComponentVersion>(tl::unexpected(cluster.error()));
    if (api_server) {
      versions.push_back(operator_version(**cluster, options.operator_namespace));
      versions.push_back(std::move(*api_server));
    } else {
      code = tl::unexpected(api_server.error());
    }
  }
  // Printed even if the rest is not known: a bug report needs at least this.
  print(context, versions);
  return code;
}

const char* title_of(const ComponentVersion& version) {
  if (version.component == "client") return "Client";
  return version.component == "operator" ? "Operator" : "API server";
}

}  // namespace

std::string versions_text(const std::vector<ComponentVersion>& versions, const Layout& layout) {
  std::vector<std::pair<std::string, Cell>> values;
  std::string client;
  std::string advice;
  for (const ComponentVersion& one : versions) {
    std::string text = one.version.empty() ? "unknown" : one.version;
    if (!one.commit.empty()) text += fmt::format(" ({}, {})", one.commit, one.date);
    if (!one.message.empty()) {
      text += one.version.empty() ? ": " + one.message : fmt::format(" ({})", one.message);
    }
    values.emplace_back(title_of(one),
                        Cell(text, one.version.empty() ? Tone::kWarning : Tone::kPlain));
    if (one.component == "client") client = one.version;
    if (one.component == "operator") advice = skew_advice(client, one.version);
  }
  if (!advice.empty()) values.emplace_back("Advice", Cell(advice, Tone::kWarning));
  return lines(values, layout);
}

std::string versions_document(const std::vector<ComponentVersion>& versions, Format format) {
  Document document{.kind = "VersionList", .items = [&](Json& json) {
                      for (const ComponentVersion& one : versions) {
                        json.StartObject();
                        member(json, "component", one.component);
                        member(json, "version", one.version);
                        if (!one.commit.empty()) member(json, "commit", one.commit);
                        if (!one.date.empty()) member(json, "date", one.date);
                        if (!one.image.empty()) member(json, "image", one.image);
                        if (!one.message.empty()) member(json, "message", one.message);
                        json.EndObject();
                      }
                    }};
  for (const ComponentVersion& one : versions) {
    document.names.push_back(one.component + "/" + one.version);
  }
  return document_text(document, format);
}

std::string skew_advice(std::string_view client, std::string_view operator_version) {
  const auto own = git::parse_version(client);
  const auto other = git::parse_version(operator_version);
  if (!own || !other) return {};
  const bool older = std::pair(own->major, own->minor) < std::pair(other->major, other->minor);
  const auto distance =
      own->minor > other->minor ? own->minor - other->minor : other->minor - own->minor;
  if (own->major == other->major && distance <= 1) return {};
  return older ? "this receiverctl is older than the operator: what it reports may be wrong; "
                 "use the operator's version"
               : "the operator is older than this receiverctl: what it reports may be wrong; "
                 "use the operator's version";
}

void add_versions(CLI::App& app, Context& context) {
  const auto options = std::make_shared<VersionOptions>();
  CLI::App* command = app.add_subcommand(
      "version", "Show the versions of receiverctl, the operator and the API server.");
  command->add_flag("--client", options->client_only,
                    "Only receiverctl's version, without a cluster.");
  add_operator_namespace(*command, context, options->operator_namespace);
  command->footer(kVersionExamples);
  command->callback([&context, options] {
    context.command = [&context, options] { return tell_versions(context, *options); };
  });
}

}  // namespace receiver::ctl
