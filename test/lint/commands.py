#!/usr/bin/env python3
"""Checks that every block of shell commands in README.md and docs says whether a test runs it, on the line above:

  <!-- tested by FILE -->        or  <!-- tested by FILE: what of it -->     FILE exists, and names the page
  <!-- not tested: the reason -->
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARKER = re.compile(r"<!-- (?:tested by (?P<test>[^\s:]+)(?:: .+)?|not tested: .+) -->")


def finding(page: str, above: str) -> str | None:
    marker = MARKER.fullmatch(above.strip())
    if marker is None:
        return "has no line above that says `<!-- tested by FILE -->` or `<!-- not tested: the reason -->`"
    if marker["test"] is None:
        return None
    test = ROOT / marker["test"]
    if not test.is_file():
        return f"is tested by {marker['test']}, which does not exist"
    return None if page in test.read_text(encoding="utf-8") else f"is tested by {test.name}, which does not name {page}"


def main() -> int:
    problems, count = [], 0
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        page = str(file.relative_to(ROOT))
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line.strip() in ("```sh", "```bash", "```shell"):
                count += 1
                if what := finding(page, lines[number - 1] if number else ""):
                    problems.append(f"{page}:{number + 1}: the block {what}")
    print("\n".join(problems) or f"commands: {count} blocks")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
