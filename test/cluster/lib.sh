# shellcheck shell=bash
# Sourced by the scripts of this folder: progress, retries, a bound on how long.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# with_progress LABEL COMMAND...: runs it, saying every 20 seconds that it is still at work, and how long it took.
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

# retry TIMES COMMAND...: a few seconds apart; for what depends on the network.
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

# within MINUTES COMMAND...: runs it, unless the script that calls this has then run for longer: exits with 124.
within() {
  local minutes=$1 status=0 left
  left=$((minutes * 60 - SECONDS))
  shift
  timeout --foreground --kill-after=10 $((left > 0 ? left : 1)) "$@" || status=$?
  ((status != 0 && SECONDS >= minutes * 60)) || return "$status"
  say "error: not done in $minutes minutes, and so ended: $*"
  exit 124
}

# machine: what measurements were taken on, in one line.
machine() {
  printf '%d cores, %s, %.0f GiB of memory, Linux %s' "$(nproc)" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
    "$(awk '/^MemTotal/ { print $2 / 1048576 }' /proc/meminfo)" "$(uname -r)"
}
