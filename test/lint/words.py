#!/usr/bin/env python3
"""Checks texts and comments for words that make them hard to read, and says what to write instead.

CONTRIBUTING.md ("How we write") has the rules. This list is what a program can check of them.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTEAD = {
    r"anew": "again",
    r"whereupon|thereupon": "then",
    r"thereby|hereby": "this, or nothing",
    r"therein|thereof|whereof|wherein": "in it, of it",
    r"whence|hence": "so",
    r"whosesoever|whatsoever|whosoever": "any",
    r"albeit|notwithstanding": "although",
    r"lest": "so that … not",
    r"in vain|(?:is|are|was|were) for nothing": "without effect, needlessly",
    r"to and fro": "back and forth",
    r"without a word": "silently",
    r"retried on": "retried",
    r"(?:tell|tells|told|telling) of": "report, say",
    r"leaves? it at that": "stops",
    r"a stranger chose": "from untrusted requests",
    r"what failed for now": "transient failures",
}
PATTERN = re.compile(r"(?<![\w-])(?:" + "|".join(INSTEAD) + r")(?![\w-])", re.IGNORECASE)
# Recorded data, and this list.
SKIPPED = ("test/testdata/", "test/fuzz/corpus/", "test/lint/words.py", "LICENSE", "config/chart/files/")
SUFFIXES = (".md", ".h", ".cpp", ".c", ".py", ".sh", ".yaml", ".json", ".txt", ".tpl", ".cmake")
NAMES = ("Makefile", "Dockerfile", "run")


def instead_of(found: str) -> str:
    return next(better for words, better in INSTEAD.items() if re.fullmatch(words, found, re.IGNORECASE))


def main() -> int:
    listed = subprocess.check_output(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"], text=True)
    problems, count = [], 0
    for name in listed.splitlines():
        file = ROOT / name
        if name.startswith(SKIPPED) or not (file.suffix in SUFFIXES or file.name in NAMES) or not file.is_file():
            continue
        count += 1
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            problems += [f"{name}:{number}: \"{match[0]}\": write {instead_of(match[0])}" for match in PATTERN.finditer(line)]
    print("\n".join(problems) or f"words: {count} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
