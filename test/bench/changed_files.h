#pragma once

#include <boost/asio/awaitable.hpp>

#include "test/bench/figures.h"
#include "test/bench/scenarios.h"

namespace receiver::bench {

// The cost of asking Bitbucket which files a push has changed, and of not asking.

/// A push to a monorepo's 200 Warehouses with one folder each that refreshes one of them, compared
/// with the same push to one Warehouse without paths, and a question to Bitbucket.
boost::asio::awaitable<Report> one_folder_of_many(const Bench& bench);

/// Pushes that need no question, with a token compared to without.
boost::asio::awaitable<Report> nothing_to_ask(const Bench& bench);

/// The size of Bitbucket's cached answers, when the limit is reached and long after.
boost::asio::awaitable<Report> full_of_answers(const Bench& bench);

}  // namespace receiver::bench
