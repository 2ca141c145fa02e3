# shellcheck shell=bash
# For the scripts of this folder: progress, retries, time limits.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# with_progress LABEL COMMAND...: runs the command, reports every 20 seconds that it is running, and then how long it took.
with_progress() {
  local label=$1 started=$SECONDS pulse status=0
  shift
  say "$label ..."
  (
    trap 'kill $! 2>/dev/null; exit 0' TERM
    while :; do
      sleep 20 &
      wait $!
      say "$label ... $((SECONDS - started)) s"
    done
  ) &
  pulse=$!
  "$@" || status=$?
  kill "$pulse" 2>/dev/null || true
  wait "$pulse" 2>/dev/null || true
  ((status == 0)) || return "$status"
  say "$label: done in $((SECONDS - started)) s"
}

# retry TIMES COMMAND...: runs the command until it succeeds, a few seconds apart; for commands that use the network.
retry() {
  local times=$1 attempt
  shift
  for ((attempt = 1; ; attempt++)); do
    "$@" && return 0
    ((attempt < times)) || return 1
    say "attempt $attempt of $times failed: $*"
    sleep $((attempt * 3))
  done
}

# within MINUTES COMMAND...: runs the command. If the calling script runs longer than that, ends it and exits with 124.
within() {
  local minutes=$1 status=0 left
  left=$((minutes * 60 - SECONDS))
  shift
  timeout --foreground --kill-after=10 $((left > 0 ? left : 1)) "$@" || status=$?
  ((status != 0 && SECONDS >= minutes * 60)) || return "$status"
  say "error: ended after $minutes minutes: $*"
  exit 124
}

# machine: describes this machine in one line, for measurements.
machine() {
  printf '%d cores, %s, %.0f GiB of memory, Linux %s' "$(nproc)" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
    "$(awk '/^MemTotal/ { print $2 / 1048576 }' /proc/meminfo)" "$(uname -r)"
}
