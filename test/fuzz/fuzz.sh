#!/usr/bin/env bash
# fuzz.sh run: runs each target in build/asan for SECONDS seconds from its corpus, JOBS at a time, and prints a line for each. New
# inputs stay in build/asan/found. Fails if a target finds an error; the input is kept.
# fuzz.sh coverage: prints which lines of the fuzzed modules the corpus reaches. Fails at 90 % or less of a file.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=build/asan
jobs=${JOBS:-$(nproc)}
# The modules that the targets test. Other tests cover the rest: of pkg/http/connection.cpp, for example, bytes reach 70 %; the
# rest depends on time, load, TLS and shutdown.
modules=(
  pkg/api/{promotion,receiver_owner,secret,stage,warehouse}.cpp
  pkg/bitbucket/{event,payload,ref_changes,signature}.cpp
  pkg/bitbucket_rest/{pages,questions}.cpp
  pkg/git/{glob,path_filter,path_pattern,ref_selector,regex,repository,semver,url}.cpp
  pkg/http/{request_parser,response_text}.cpp
  pkg/json/{json,reader,scan,value_cutter}.cpp
  pkg/kube/{kubeconfig,list_reader,object_meta,watch_reader}.cpp
  pkg/text/unicode.cpp
  webhook/{answers,content_encoding,delivery,targets}.cpp
)
least_percent=90
targets=(test/fuzz/corpus/*/)
targets=("${targets[@]#test/fuzz/corpus/}")
targets=("${targets[@]%/}")
((${#targets[@]} == $(grep -c '^fuzz_target(' test/fuzz/CMakeLists.txt))) || { echo 'a target has no corpus' && exit 1; }

# Stack traces need names.
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-16 || command -v /usr/lib/llvm-16/bin/llvm-symbolizer) || true
export ASAN_SYMBOLIZER_PATH

corpus_of() { # TARGET: the folders that hold inputs for it
  echo "test/fuzz/corpus/$1"
  [[ $1 != payload ]] || echo test/testdata/bitbucket
}

run_target() { # TARGET
  local target=$1 found=$build/found/$1 log=$build/log/$1 status=0 corpus
  mapfile -t corpus < <(corpus_of "$target")
  mkdir -p "$found" "$build/log" "$build/findings"
  "$build/fuzz_$target" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$build/findings/$target-" "$found" "${corpus[@]}" >"$log" 2>&1 || status=$?
  printf '%-17s %10s executions %6s edges   %s\n' "$target" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -c 6-)" \
    "$( ((status == 0)) && echo 'no finding' || echo FOUND)"
  ((status != 0)) || return 0
  grep -E 'BROKEN PROMISE|ERROR:|runtime error:|SUMMARY:' "$log" | sed 's/^/    /' || tail -n 5 "$log"
  echo "    the whole report: $log"
  sed -n "s|.*Test unit written to |    reproduce: $build/fuzz_$target |p" "$log"
  return 1
}

coverage() {
  local target corpus file lines percent objects=() files=0 lacking=0
  rm -rf "$build/coverage" && mkdir -p "$build/coverage"
  for target in "${targets[@]}"; do
    mapfile -t corpus < <(corpus_of "$target")
    LLVM_PROFILE_FILE=$build/coverage/$target.profraw "$build/fuzz_$target" -runs=0 "${corpus[@]}" \
      >"$build/coverage/$target.log" 2>&1 || { tail -n 20 "$build/coverage/$target.log" && return 1; }
    ((${#objects[@]} == 0)) || objects+=(-object) # the first one stands alone
    objects+=("$build/fuzz_$target")
  done
  llvm-profdata-16 merge -o "$build/coverage/all.profdata" "$build"/coverage/*.profraw
  llvm-cov-16 report -instr-profile="$build/coverage/all.profdata" "${objects[@]}" -show-region-summary=false \
    -show-branch-summary=false "${modules[@]}" >"$build/coverage/report" 2>"$build/coverage/warnings"
  while read -r file lines percent; do
    files=$((files + 1))
    printf '%-34s %5d lines %8s reached' "$file" "$lines" "$percent"
    awk -v percent="${percent%\%}" -v least=$least_percent 'BEGIN { exit !(percent > least) }' ||
      { printf ', not above %d %%' $least_percent && lacking=1; }
    echo
  done < <(awk '/\.cpp|^TOTAL/ { print $1, $(NF - 2), $NF }' "$build/coverage/report")
  ((files == ${#modules[@]} + 1)) || { echo 'a module of the list is not in the report' && return 1; } # and the total is
  return "$lacking"
}

case ${1:-} in
  run)
    export SECONDS_EACH=${FUZZ_SECONDS:-20} build
    export -f run_target corpus_of
    printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I TARGET bash -c 'set -euo pipefail; run_target TARGET'
    ;;
  coverage) coverage ;;
  *) sed -n '2,4s/^# //p' "$0" && exit 2 ;;
esac
