#pragma once

#include "bitbucket_rest/repository.h"

namespace receiver::bitbucket_rest {

/// A repository of each product.
inline const Repository kCloud{bitbucket::Source::kCloud, "https://api.bitbucket.org", "team",
                               "shop"};
inline const Repository kDataCenter{bitbucket::Source::kDataCenter, "https://example.com/git",
                                    "~someone", "web"};

}  // namespace receiver::bitbucket_rest
