#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "api/receiver_owner.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/registrations.h"
#include "controllers/derive.h"

namespace receiver::ctl {

/// `receivers` and `receivers describe`: the Bitbucket receivers and their states.
void add_receivers(CLI::App& app, Context& context);

/// The state of one Bitbucket receiver.
struct ReceiverState {
  std::string project{};  ///< empty: the ClusterConfig's
  std::string name{};
  std::string secret_name{};
  std::string url{};  ///< as published; empty if it is not
  bool ready = false;
  std::string why{};                  ///< not ready: why not
  std::vector<std::string> advice{};  ///< possible improvements
  std::size_t warehouses = 0;         ///< that a delivery to it could refresh, see Reach
  std::size_t promotions = 0;
  std::optional<Registrations> webhooks{};  ///< with --webhooks, if the operator registers them

  /// `PROJECT/NAME`, or `NAME`.
  [[nodiscard]] std::string str() const { return project.empty() ? name : project + "/" + name; }
};

/// The objects that deliveries could refresh: Warehouses that may subscribe to a Bitbucket
/// repository, and Promotions that wait for a pull request. Computed once, because there may be
/// thousands.
class Reach {
 public:
  Reach(const Warehouses& warehouses, const Promotions& promotions);
  /// Fills in the receiver's numbers.
  void count(ReceiverState& state) const;

 private:
  struct Numbers {
    std::size_t warehouses = 0;
    std::size_t promotions = 0;
  };
  std::map<std::string, Numbers> by_project_;
  Numbers all_;
};

/// The owner's Bitbucket receivers in the order of the spec, judged by its status and its Secrets.
/// If a Secret may not be read, only the status counts. Does not count objects. Pure.
[[nodiscard]] std::vector<ReceiverState> receivers_of(const api::ReceiverOwner& owner,
                                                      const controllers::SecretLookup& secrets);

/// Options of the table of receivers.
struct ReceiverColumns {
  bool urls = false;
  bool wide = false;  ///< with their Secrets
  Layout layout{};
};
[[nodiscard]] std::string receivers_table(const std::vector<ReceiverState>& receivers,
                                          const ReceiverColumns& columns);
/// `projectconfig/PROJECT/NAME`
[[nodiscard]] std::string type_name(const ReceiverState& state);
/// Writes one JSON object; with the URL only if wanted.
void write_receiver(Json& json, const ReceiverState& state, bool show_url);
/// A ReceiverList.
[[nodiscard]] std::string receivers_document(const std::vector<ReceiverState>& receivers,
                                             bool show_urls, Format format);

}  // namespace receiver::ctl
