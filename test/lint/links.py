#!/usr/bin/env python3
"""Checks every link in every Markdown file: a relative one must lead to a file of this repository, and its anchor to a heading
or an `<a id>` there. Of an external link only the form is checked, since the gate has no internet. A file that text or a
command names by its path from the root, such as pkg/kube/rest.cpp, must exist."""

import pathlib
import re
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)
NAMED = re.compile(r"(?<![\w./*-])(?:cmake|cmd|config|controllers|docs|pkg|test|webhook)/[\w./-]*\w\.(?:cpp|h|json|py|sh|txt|yaml)\b")
LINK = re.compile(r"\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)|^\[[^\]]+\]: +(\S+)", re.M)


def prose(file: pathlib.Path) -> str:
    """Without code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", file.read_text(encoding="utf-8")))


def anchors(file: pathlib.Path) -> set[str]:
    """As GitHub makes them of headings: a repeated one gets a number."""
    text = FENCE.sub("", file.read_text(encoding="utf-8"))
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#{1,6} +(.*)$", text, re.M):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        number = 0
        while (numbered := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(numbered)
    return found


def finding(file: pathlib.Path, link: str) -> str | None:
    parts = urllib.parse.urlsplit(link)
    if parts.scheme:
        well = parts.scheme in ("http", "https") and parts.netloc or parts.scheme == "mailto"
        return None if well else "is no http, https or mailto URL"
    target = (file.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else file
    if not target.is_relative_to(ROOT):
        return "leads out of the repository"
    if not target.exists():
        return "leads to no file"
    if parts.fragment and (target.suffix != ".md" or parts.fragment not in anchors(target)):
        return f"leads to no heading of {target.relative_to(ROOT)}"
    return None


def main() -> int:
    listed = subprocess.check_output(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                                     text=True).split()
    files = [ROOT / name for name in listed if (ROOT / name).exists()]
    problems, count = [], 0
    for file in files:
        for match in LINK.finditer(prose(file)):
            link = match[1] or match[2]
            count += 1
            if link is None or (what := finding(file, link)):
                problems.append(f"{file.relative_to(ROOT)}: the link {link!r} {what if link else 'is empty'}")
        problems += [f"{file.relative_to(ROOT)}: names {name}, which does not exist"
                     for name in NAMED.findall(file.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
    print("\n".join(problems) or f"links: {count} in {len(files)} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
