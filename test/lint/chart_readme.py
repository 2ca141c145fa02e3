#!/usr/bin/env python3
"""Checks that the table of values in the chart's README matches values.yaml; with --fix, writes it.

A comment of one line directly above a key makes a row of the key and its whole value.
"""

import pathlib
import re
import sys

CHART = pathlib.Path(__file__).resolve().parents[2] / "config/chart"
README = CHART / "README.md"
BEGIN, END = "<!-- values -->\n", "<!-- end of values -->\n"


def flow(lines):
    """A nested block as YAML in one line, for the simple structures of values.yaml."""
    pairs, index = [], 0
    while index < len(lines):
        indent, key, value = re.match(r"( *)([\w.]+):\s*(.*)", lines[index]).groups()
        end = index + 1
        while end < len(lines) and len(lines[end]) - len(lines[end].lstrip()) > len(indent):
            end += 1
        pairs.append(f"{key}: {value or flow(lines[index + 1:end])}")
        index = end
    return "{" + ", ".join(pairs) + "}"


def rows(lines):
    path = []  # (indent, key) of the parents
    for number, line in enumerate(lines):
        match = re.match(r"( *)([\w.]+):\s*(.*)", line)
        if not match:
            continue
        indent, key, value = len(match[1]), match[2], match[3]
        path = [parent for parent in path if parent[0] < indent] + [(indent, key)]
        comment = re.match(r" *# (.*)", lines[number - 1]) if number else None
        if not comment:
            continue
        block = []
        for inner in lines[number + 1:]:
            if not inner.strip() or len(inner) - len(inner.lstrip()) <= indent:
                break
            block.append(inner)
        name = ".".join(key for _, key in path)
        yield f"| `{name}` | `{value or flow(block)}` | {comment[1]} |"


def main():
    table = "\n".join(["| value | default | |", "|---|---|---|", *rows((CHART / "values.yaml").read_text().splitlines())])
    text = README.read_text()
    before, rest = text.split(BEGIN)
    wanted = f"{before}{BEGIN}{table}\n{END}{rest.split(END)[1]}"
    if "--fix" in sys.argv:
        README.write_text(wanted)
    elif text != wanted:
        sys.exit(f"{README} does not match values.yaml: run {sys.argv[0]} --fix")


if __name__ == "__main__":
    main()
