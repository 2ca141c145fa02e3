// Kubernetes objects, as each kind that is watched reads them.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/promotion.h"
#include "api/receiver_owner.h"
#include "api/secret.h"
#include "api/stage.h"
#include "api/warehouse.h"
#include "git/path_filter.h"
#include "git/ref_selector.h"
#include "json/json.h"
#include "kube/object_meta.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

/// Reads the object twice: projected as in a reflector, and complete. The projection only omits
/// unused parts, so both results must be equal.
template <typename Decode, typename Equal>
void check_kind(std::string_view json, const json::Projection& kind, Decode decode, Equal equal) {
  const auto projected = json::parse(json, kube::with_meta(kind));
  const auto whole = json::parse(json);
  require(projected.has_value() || !whole.has_value(), "less is read wherever more can be");
  if (!projected) return;
  const auto meta = kube::read_meta(*projected);
  if (!meta) return;
  const auto object = decode(*meta, *projected);
  if (!whole) return;
  const auto meta_of_whole = kube::read_meta(*whole);
  require(meta_of_whole && meta_of_whole->key == meta->key && meta_of_whole->uid == meta->uid &&
              meta_of_whole->generation == meta->generation &&
              meta_of_whole->deleting == meta->deleting,
          "a projection keeps the metadata");
  const auto object_of_whole = decode(*meta, *whole);
  require(object.has_value() == object_of_whole.has_value() &&
              (!object || equal(*object, *object_of_whole)),
          "a projection keeps all that is used");
}

/// The status without the text of other controllers' entries: RapidJSON reads a fraction exactly
/// only in a mode that fails for zero, so a long number may change in its last bit.
api::OwnerStatus without_text(api::OwnerStatus status) {
  for (api::PublishedReceiver& receiver : status.webhook_receivers) {
    if (!receiver.whole.empty()) receiver.whole = "(text)";
  }
  return status;
}

/// Reading a written status must give the same status, so that a correct status causes no further
/// write.
void check_status_patch(const api::ReceiverOwner& owner) {
  const auto patch = json::parse(api::status_patch(owner.status, "1"));
  require(patch.has_value(), "a patch is JSON");
  const auto written = api::decode_owner(owner.kind, owner.meta, *patch);
  require(written.has_value(), "a status that is written can be read");
  require(without_text(written->status) == without_text(owner.status),
          "a status that is written is read back");
}

/// Tag patterns are compiled only when a push is judged.
void check_selectors(const api::Warehouse& warehouse) {
  static const std::vector<std::string> refs{"refs/tags/v1.2.3", "refs/tags/]", "refs/heads/main"};
  for (const git::Subscription& subscription : warehouse.subscriptions) {
    static_cast<void>(git::affected(subscription, refs));
    require(git::affected(subscription, {}), "a push of unknown refs affects every subscription");
    const git::PathFilter filter(subscription.paths);
    require(!subscription.paths.empty() || filter.may_count("a"),
            "without rules every file counts");
    require(filter.problems().empty() || filter.may_count("a"), "an invalid rule spares nothing");
  }
}

}  // namespace

void fuzz(std::string_view input) {
  const auto same = [](const auto& left, const auto& right) { return left == right; };
  const auto decode_warehouse = [](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    auto warehouse = api::decode_warehouse(meta, object);
    if (warehouse) check_selectors(*warehouse);
    return warehouse;
  };
  check_kind(input, api::warehouse_projection(), decode_warehouse, same);
  check_kind(input, api::promotion_projection(), api::decode_promotion, same);
  check_kind(input, api::secret_projection(), api::decode_secret, same);
  check_kind(input, api::stage_projection(), api::decode_stage, same);
  check_kind(input, api::promotion_task_projection(), api::decode_promotion_task, same);
  const auto decode_owner = [](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    auto owner = api::decode_owner(api::OwnerKind::kProjectConfig, meta, object);
    if (owner) {
      check_status_patch(*owner);
      require(api::reference_to(*owner).key == meta.key, "Events are about the owner");
    }
    return owner;
  };
  check_kind(input, api::owner_projection(), decode_owner,
             [](const api::ReceiverOwner& left, const api::ReceiverOwner& right) {
               return left.refresh == right.refresh && left.status == right.status &&
                      left.receivers.size() == right.receivers.size();
             });
}

}  // namespace receiver::fuzz
