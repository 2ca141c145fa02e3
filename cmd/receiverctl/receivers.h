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

/// `receivers` and `receivers describe`: which Bitbucket receivers there are, and how they are.
void add_receivers(CLI::App& app, Context& context);

/// One Bitbucket receiver as it stands.
struct ReceiverState {
  std::string project{};  ///< empty: the ClusterConfig's
  std::string name{};
  std::string secret_name{};
  std::string url{};  ///< as published; empty if it is not
  bool ready = false;
  std::string why{};                  ///< not ready: why not
  std::vector<std::string> advice{};  ///< what could be better though it works
  std::size_t warehouses = 0;         ///< that a delivery to it could refresh, see Reach
  std::size_t promotions = 0;
  std::optional<Registrations> webhooks{};  ///< asked for, and it registers them itself

  /// `PROJECT/NAME`, or `NAME`.
  [[nodiscard]] std::string str() const { return project.empty() ? name : project + "/" + name; }
};

/// What deliveries could refresh: Warehouses that subscribe to what may be a repository of a
/// Bitbucket, and Promotions that wait for a pull request. Made once, since there may be thousands.
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

/// The owner's Bitbucket receivers in the order of the spec, by its status and by what its Secrets
/// derive; a Secret that was refused leaves the status's word. Counts nothing. Pure.
[[nodiscard]] std::vector<ReceiverState> receivers_of(const api::ReceiverOwner& owner,
                                                      const controllers::SecretLookup& secrets);

/// How the rows of receivers look.
struct ReceiverColumns {
  bool urls = false;
  bool wide = false;  ///< with their Secrets
  Layout layout{};
};
[[nodiscard]] std::string receivers_table(const std::vector<ReceiverState>& receivers,
                                          const ReceiverColumns& columns);
/// `projectconfig/PROJECT/NAME`
[[nodiscard]] std::string type_name(const ReceiverState& state);
/// As one object; its URL only if wanted.
void write_receiver(Json& json, const ReceiverState& state, bool show_url);
/// A ReceiverList.
[[nodiscard]] std::string receivers_document(const std::vector<ReceiverState>& receivers,
                                             bool show_urls, Format format);

}  // namespace receiver::ctl
