#pragma once

#include <memory>

namespace receiver::async {

/// The first parameter of a coroutine that uses members of an object which others may release
/// before it ends: a coroutine's arguments live as long as it does, the object of `this` need not.
///
///     asio::awaitable<void> accept_loop(async::KeptAlive);  // uses members by their names
///     asio::co_spawn(strand_, accept_loop(shared_from_this()), log::EndOnException{...});
///
/// Such a coroutine takes values, like every coroutine that is spawned or awaited elsewhere than
/// where it is called: when it begins, its caller's variables may be gone. One that is awaited
/// where it is called may take references, because its caller keeps the variables meanwhile.
using KeptAlive = std::shared_ptr<const void>;

}  // namespace receiver::async
