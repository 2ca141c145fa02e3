#include "cmd/bitbucket-receiver/version.h"

namespace receiver {

std::string_view version() {
  return RECEIVER_VERSION;
}

std::string_view commit() {
  return RECEIVER_COMMIT;
}

}  // namespace receiver
