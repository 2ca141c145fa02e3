# shellcheck shell=bash disable=SC2154
# Sourced by the scripts that run a cluster's parts in the background. Of each part, in the folder $dir: NAME.pid (the
# first word is the process id) and NAME.log.

# Field 22 of a process's stat: when it started. Together with the id it names one process for good.
started_at() { # PID
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  awk '{ print $20 }' <<<"${stat##*) }"
}

# A zombie with other threads still holds its ports.
alive() { # NAME
  local pid started
  read -r pid started 2>/dev/null <"$dir/$1.pid" || return 1
  [[ $(started_at "$pid") == "$started" ]] || return 1
  awk '/^State:/ { state = $2 } /^Threads:/ { threads = $2 } END { exit !(state && (state != "Z" || threads > 1)) }' \
    "/proc/$pid/status" 2>/dev/null
}

# launch NAME COMMAND...: in the background, in a session of its own, so that Ctrl-C reaches the caller alone.
launch() {
  local name=$1 pid
  shift
  setsid "$@" </dev/null >>"$dir/$name.log" 2>&1 9>&- &
  pid=$!
  echo "$pid $(started_at "$pid" || echo 0)" >"$dir/$name.pid"
}

# end NAME: asks the process to finish, insists after 10 seconds.
end() {
  local name=$1 pid
  if alive "$name"; then
    read -r pid _ <"$dir/$name.pid"
    kill -TERM "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true # a test may have frozen it
    for _ in {1..200}; do
      alive "$name" || break
      sleep 0.05
    done
    if alive "$name"; then
      kill -KILL "$pid" 2>/dev/null || true
      while alive "$name"; do sleep 0.05; done
    fi
  fi
  rm -f "$dir/$name.pid"
}

# await NAME SECONDS COMMAND...: until the command succeeds; fails early when the process has ended.
await() {
  local name=$1 limit=$2 started=$SECONDS told=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    alive "$name" || return 1
    if ((SECONDS - started >= limit)); then
      say "$name is not ready after $limit s"
      return 1
    fi
    if ((SECONDS - told >= 5)); then
      told=$SECONDS
      say "waiting for $name ... $((SECONDS - started)) s"
    fi
    sleep 0.1
  done
}
