#include "kube/error.h"

namespace receiver::kube {

bool ApiError::transient() const {
  switch (kind) {
    case Kind::kUnreachable:
    case Kind::kUnauthorized:
    case Kind::kThrottled:
    case Kind::kServer:
    case Kind::kMalformed:
      return true;
    case Kind::kForbidden:
    case Kind::kNotFound:
    case Kind::kConflict:
    case Kind::kGone:
    case Kind::kInvalid:
    case Kind::kClosed:
      return false;
  }
  return false;
}

}  // namespace receiver::kube
