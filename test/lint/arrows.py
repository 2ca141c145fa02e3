#!/usr/bin/env python3
"""Checks that #include lines follow the arrows between rooms (CONTRIBUTING.md), and that Beast stays in pkg/http/*.cpp."""

import pathlib
import re
import sys

# What each room may include beside itself, drawn once per room; a room may use all that its own rooms may use.
ARROWS = {
    "cmd": ["text"],
    "cmd/bitbucket-receiver": ["cmd", "controllers", "webhook"],
    "cmd/receiverctl": ["cmd", "controllers", "webhook", "bitbucket_cpprest"],
    "webhook": ["controllers", "bitbucket"],
    "controllers": ["api", "git", "metrics"],
    "bitbucket": ["git", "crypto", "json", "log"],
    "bitbucket_rest": ["bitbucket"],
    "bitbucket_cpprest": ["bitbucket_rest", "http"],
    "api": ["kube", "git"],
    "git": ["text"],
    "kube": ["http", "json", "metrics"],
    "http": ["async", "crypto", "log", "metrics", "clock"],
    "async": ["clock"],
    "json": ["crypto", "text"],
    "crypto": ["text"],
    "log": ["clock", "text"],
    "metrics": [],
    "clock": ["text"],
    "text": [],
}
ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def reachable(room: str) -> set[str]:
    found, todo = set(), [room]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += ARROWS[current]
    return found


def room_of(header: str) -> str:
    """Of a file as #include lines name it; a program is a room of its own."""
    parts = header.split("/")
    return "/".join(parts[:2]) if parts[0] == "cmd" and len(parts) > 2 else parts[0]


def room_of_source(path: pathlib.Path) -> str:
    return room_of(path.as_posix().removeprefix("pkg/"))


def findings(path: pathlib.Path):
    text = (ROOT / path).read_text(encoding="utf-8")
    room = room_of_source(path)
    for match in INCLUDE.finditer(text):
        quote, target = match.groups()
        line = text.count("\n", 0, match.start(2)) + 1
        if quote == "<":
            if target.startswith("boost/beast") and not (room == "http" and path.suffix == ".cpp"):
                yield f"{path}:{line}: {target}: Beast is included by pkg/http/*.cpp only (compile time)"
            continue
        other = room_of(target)
        if "/" not in target or other not in ARROWS:
            yield f'{path}:{line}: "{target}": name headers by their room, such as "kube/store.h"'
        elif other not in reachable(room):
            yield f'{path}:{line}: "{target}": the room {room} must not know {other}'


def main() -> int:
    sources = sorted(
        path.relative_to(ROOT)
        for top in ("pkg", "cmd", "controllers", "webhook")
        for pattern in ("*.h", "*.cpp")
        for path in (ROOT / top).rglob(pattern)
    )
    unknown = {room_of_source(path) for path in sources} - ARROWS.keys()
    problems = [f"{room}: a room without a place in the arrows: add it to {__file__}" for room in sorted(unknown)]
    problems += [finding for path in sources if room_of_source(path) in ARROWS for finding in findings(path)]
    print("\n".join(problems) or f"arrows: {len(sources)} files keep to them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
