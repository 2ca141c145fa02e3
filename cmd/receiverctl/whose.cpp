#include "cmd/receiverctl/whose.h"

namespace receiver::ctl {

void add_whose(CLI::App& command, Whose& whose, const char* group) {
  CLI::Option* project = command.add_option("--project", whose.project, "Of the receiver.");
  project->option_text("P")->group(group);
  command
      .add_flag("--cluster-config", whose.cluster_config,
                "Instead of --project: the receiver is the ClusterConfig's, which reaches every "
                "namespace.")
      ->excludes(project)
      ->group(group);
}

void require(const Whose& whose) {
  if (whose.project.empty() && !whose.cluster_config) {
    throw CLI::RequiredError("--project or --cluster-config");
  }
}

}  // namespace receiver::ctl
