#pragma once

#include "test/support/api.h"

namespace receiver::test {

/// While it lives, the cluster has no kind Promotion. Afterwards it has the kind again, without
/// objects.
class MissingPromotions {
 public:
  explicit MissingPromotions(const Api& api);
  ~MissingPromotions();
  MissingPromotions(const MissingPromotions&) = delete;
  MissingPromotions& operator=(const MissingPromotions&) = delete;

 private:
  const Api& api_;
  const std::string crd_;
};

}  // namespace receiver::test
