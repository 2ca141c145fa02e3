#!/usr/bin/env python3
"""Checks the messages of all commits since the rule for them (CONTRIBUTING.md): no work in progress, and a body that says why."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SINCE = "c93f618dd79ca46a02a1302bd31716a1343e8000"


def git(*arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, errors="replace")
    return done.stdout if done.returncode == 0 else None


def finding(subject: str, body: str) -> str | None:
    if subject.lower().startswith(("wip", "fixup!", "squash!")):
        return "is work in progress"
    return None if body.strip() else "has no body that says why"


def main() -> int:
    # A shallow clone may lack that commit, and an archive has no history.
    log = git("log", "-z", "--format=%h%n%s%n%b", f"{SINCE}..HEAD")
    if log is None:
        print(f"history: not checked: there is no commit {SINCE[:7]} here")
        return 0
    commits = [commit.split("\n", 2) for commit in log.split("\0") if commit]
    problems = [f'{name}: "{subject}" {what}' for name, subject, body in commits if (what := finding(subject, body))]
    print("\n".join(problems) or f"history: {len(commits)} commits")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
