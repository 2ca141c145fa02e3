#pragma once

#include <memory>

namespace receiver::async {

/// The first parameter of a coroutine that works on the members of an object which others may let
/// go of before it ends: what a coroutine is given lives as long as it does, its `this` need not.
///
///     asio::awaitable<void> accept_loop(async::KeptAlive);  // takes its members by their names
///     asio::co_spawn(strand_, accept_loop(shared_from_this()), log::EndOnException{...});
///
/// Such a coroutine takes values, as any does that is spawned, or handed out to be awaited
/// elsewhere: when it begins, its caller's references may be dead. One that is awaited where it is
/// called may take references, since its caller waits with all that they refer to.
using KeptAlive = std::shared_ptr<const void>;

}  // namespace receiver::async
