#pragma once

#include <boost/asio/awaitable.hpp>

#include "test/bench/figures.h"
#include "test/bench/scenarios.h"

namespace receiver::bench {

// What it costs to ask Bitbucket which files a push has changed, and not to.

/// A push to a monorepo's 200 Warehouses with a folder each, one of which the push is for, against
/// the same push to one Warehouse that every file is for, and a question to Bitbucket.
boost::asio::awaitable<Report> one_folder_of_many(const Bench& bench);

/// Pushes that no Warehouse's paths decide about, with a token against without.
boost::asio::awaitable<Report> nothing_to_ask(const Bench& bench);

/// What is kept of Bitbucket's answers, when it has reached its bound and long after that.
boost::asio::awaitable<Report> full_of_answers(const Bench& bench);

}  // namespace receiver::bench
