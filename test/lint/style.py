#!/usr/bin/env python3
"""Checks rules that clang-format and clang-tidy do not have: one way to write what can be written in two.

- The one statement of an if, for or while stands on the line of its condition, without braces, where it fits; everything
  else is in braces, and so is a body before an else.
- tl::unexpected, not tl::make_unexpected.
- Outside of tests and pkg/clock, the time is read from clock::Steady and clock::Wall, which tests can simulate.

With --fix it corrects them; clang-format runs last.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = 100
# Comments and literals, whose brackets do not count.
OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
CONTROL = re.compile(r"^( *)(?:if(?: constexpr)?|for|while) (?=\()", re.MULTILINE)
CLOCK = re.compile(r"std::chrono::\w+_clock(?:::now\b|;)")  # the end of an alias, too
COMPOUND = re.compile(r"(?:if|for|while|switch|do|else|case|default|try)\b")


def veiled(text: str) -> str:
    def veil(match):
        kept = "/" if match[0].startswith(("//", "/*")) else "_"
        return re.sub(r"[^\n]", kept, match[0])
    return OPAQUE.sub(veil, text)


def closing(code: str, at: int) -> int:
    """The position after the bracket that closes the one at that position."""
    depth = 0
    for index in range(at, len(code)):
        depth += (code[index] in "([{") - (code[index] in ")]}")
        if depth == 0:
            return index + 1
    raise ValueError("brackets do not match")


def end_of_statement(code: str, at: int) -> int:
    while code[at] != ";":
        at = closing(code, at) if code[at] in "([{" else at + 1
    return at + 1


def better(text: str, code: str, match: re.Match) -> tuple[int, int, str] | None:
    """The correct text for a part of the file."""
    indent, head_end = match[1], closing(code, match.end())
    if code.startswith(" {\n", head_end):
        end = closing(code, head_end + 1)
        inside = code[head_end + 2:end - 1].strip()
        if "/" in inside or not inside.endswith(";") or COMPOUND.match(inside) or code.startswith(" else", end):
            return None
        begin = head_end + 2 + len(code[head_end + 2:end - 1]) - len(code[head_end + 2:end - 1].lstrip())
        statement_end = end_of_statement(code, begin)
        one_line = f"{text[match.start():head_end]} {text[begin:statement_end]}"
        fits = "\n" not in one_line and len(one_line) <= COLUMNS
        return (match.start(), end, one_line) if fits and not code[statement_end:end - 1].strip() else None
    if code.startswith("\n", head_end):
        begin = head_end + 1
        if COMPOUND.match(code[begin:].lstrip()):
            return None  # its own body is looked at
        line_end = code.index("\n", end_of_statement(code, begin))
        return match.start(), line_end, f"{text[match.start():head_end]} {{{text[head_end:line_end]}\n{indent}}}"
    return None


def improved(text: str) -> tuple[str, list[int]]:
    lines = []
    code = veiled(text)
    for match in reversed(list(CONTROL.finditer(code))):
        if change := better(text, code, match):
            begin, end, new = change
            lines.append(text.count("\n", 0, begin) + 1)
            text = text[:begin] + new + text[end:]
            code = veiled(text)
    return text, sorted(lines)


def main() -> int:
    files = [path for top in ("pkg", "cmd", "controllers", "webhook", "test") for path in sorted((ROOT / top).rglob("*"))
             if path.suffix in (".h", ".cpp")]
    problems = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        better_text, lines = improved(text.replace("tl::make_unexpected(", "tl::unexpected("))
        problems += [f"{name}:{line}: braces if, and only if, the body does not fit on the line" for line in lines]
        problems += [f"{name}:{number}: tl::unexpected in its place"
                     for number, line in enumerate(text.splitlines(), 1) if "make_unexpected(" in line]
        if name.parts[0] != "test" and name.parts[:2] != ("pkg", "clock"):
            problems += [f"{name}:{number}: clock::Steady or clock::Wall in its place"
                         for number, line in enumerate(veiled(text).splitlines(), 1) if CLOCK.search(line)]
        if "--fix" in sys.argv and better_text != text:
            path.write_text(better_text, encoding="utf-8")
    if "--fix" not in sys.argv and problems:
        print("\n".join(problems) + f"\n{sys.argv[0]} --fix corrects all but clocks")
        return 1
    print(f"style: {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
