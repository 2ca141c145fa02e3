#!/usr/bin/env bash
# Checks spelling in all texts, code and comments (codespell). Words that it must accept are in spelling.txt, one per line.
# The tests of receiverctl's suggestions contain typing errors on purpose.
set -euo pipefail
cd "$(dirname "$0")/../.."

mapfile -d '' -t files < <(git ls-files -z --cached --others --exclude-standard -- . \
  ':!test/testdata' ':!test/fuzz/corpus' ':!*.svg' ':!*go.sum' ':!*go.mod' \
  ':!test/unit/cmd/receiverctl/'{typo,cli,completion}_test.cpp ':!test/release/completion_test.py')
codespell --ignore-words test/lint/spelling.txt "${files[@]}"
echo "spelling: ${#files[@]} files"
