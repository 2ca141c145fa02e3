#!/usr/bin/env python3
"""Checks that #include lines follow the arrows between rooms (CONTRIBUTING.md), and that Beast stays in pkg/http/*.cpp.

The arrows stand in CMake: a room is a folder whose CMakeLists.txt makes a library, and may include itself, the rooms
that the library links, and theirs.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPS = ("pkg", "cmd", "controllers", "webhook")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LIBRARY = re.compile(r"^(?:room|add_library)\((\w+)", re.MULTILINE)
LINKS = re.compile(r"^(?:room|target_link_libraries)\(([^)]*)\)", re.MULTILINE)


def room_of_folder(folder: pathlib.Path) -> str:
    return folder.relative_to(ROOT).as_posix().removeprefix("pkg/")


def arrows() -> dict[str, set[str]]:
    """The rooms that each room links."""
    rooms = {room_of_folder(path.parent): re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
             for top in TOPS for path in (ROOT / top).rglob("CMakeLists.txt")}
    owners = {library: room for room, text in rooms.items() for library in LIBRARY.findall(text)}
    return {room: {owners[word] for call in LINKS.findall(text) for word in call.split() if word in owners} - {room}
            for room, text in rooms.items() if LIBRARY.search(text)}


ARROWS = arrows()


def reachable(room: str) -> set[str]:
    found, todo = set(), [room]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += ARROWS[current]
    return found


def room_of(header: str) -> str:
    """The room of a file, as #include lines name it; a program is a room of its own."""
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
            yield f'{path}:{line}: "{target}": the room {room} does not link {other} (see its CMakeLists.txt)'


def circles():
    for room, others in ARROWS.items():
        if any(room in reachable(other) for other in others):
            yield f"{room}: links itself in a circle"


def main() -> int:
    sources = sorted(path.relative_to(ROOT) for top in TOPS for path in (ROOT / top).rglob("*") if path.suffix in (".h", ".cpp"))
    unknown = {room_of_source(path) for path in sources} - ARROWS.keys()
    problems = [f"{room}: a room that CMake does not know" for room in sorted(unknown)] + list(circles())
    problems += [finding for path in sources if room_of_source(path) in ARROWS for finding in findings(path)]
    print("\n".join(problems) or f"arrows: {len(sources)} files follow the arrows of {len(ARROWS)} rooms")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
