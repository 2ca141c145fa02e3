#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "bitbucket_rest/operation.h"
#include "cmd/receiverctl/context.h"

/// `-v`: every request in one line.
namespace receiver::ctl {

/// Status 0: no answer.
using Trace = std::function<void(std::string_view method, std::string_view url, unsigned status,
                                 std::chrono::nanoseconds took)>;

/// Writes to the context's `err`, from any thread. Null without `-v`. The context must outlive it.
[[nodiscard]] Trace trace_of(const Context& context);

/// `GET https://h/p 200 in 12 ms`. User info, and the long token for the next page of a list, are
/// removed from the URL. Headers and bodies are never passed to this function.
[[nodiscard]] std::string trace_line(std::string_view method, std::string_view url, unsigned status,
                                     std::chrono::nanoseconds took);

/// `send` with a trace of each request. The context must outlive it.
[[nodiscard]] bitbucket_rest::Send traced(const Context& context, bitbucket_rest::Send send);

}  // namespace receiver::ctl
