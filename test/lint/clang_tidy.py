#!/usr/bin/env python3
"""Runs clang-tidy on every file of a compilation database; files that have passed are not checked again.

usage: [CHECKS=…] clang_tidy.py BUILD_DIR [FILE...]

CHECKS: more of clang-tidy's checks than those of .clang-tidy.
A pass is remembered by content: the compile command, the file, every header it includes, .clang-tidy and the version of
clang-tidy. Findings are never remembered.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

CLANG_TIDY = "clang-tidy-16"
CHECKS = ",".join(filter(None, ["-bugprone-suspicious-include", os.environ.get("CHECKS")]))  # a unity file includes sources
ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "bitbucket-receiver/clang-tidy"
KEPT_SECONDS = 30 * 24 * 3600


@functools.cache
def digest(path: str) -> str:
    """The hash of a file, which is the same in every clone: a unity file names its sources with their folders. Every header is
    read once per run."""
    try:
        return hashlib.sha256(pathlib.Path(path).read_bytes().replace(os.fsencode(ROOT) + b"/", b"")).hexdigest()
    except OSError:
        return "missing"


@functools.cache
def configuration() -> str:
    version = subprocess.run([CLANG_TIDY, "--version"], check=True, capture_output=True, text=True).stdout
    settings = sorted(path for path in ROOT.glob("**/.clang-tidy") if "build" not in path.relative_to(ROOT).parts)
    return "\n".join([version, CHECKS, *(digest(str(path)) for path in settings)])


def compile_command(entry: dict) -> list[str]:
    """The command without the compiler's launcher and the name of the output."""
    words = entry["arguments"] if "arguments" in entry else shlex.split(entry["command"])
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    kept, skip = [], False
    for word in words:
        if skip or word in ("-c", "-MD", "-MMD"):
            skip = False
        elif word in ("-o", "-MF", "-MT"):
            skip = True
        else:
            kept.append(word)
    return kept


def entry_of(entry: dict) -> pathlib.Path:
    command = "\0".join(compile_command(entry)).replace(str(ROOT), "")
    key = "\n".join([command, digest(entry["file"]), configuration()])
    return CACHE / hashlib.sha256(key.encode()).hexdigest()


def portable(path: str) -> str:
    return os.path.relpath(path, ROOT) if path.startswith(f"{ROOT}/") else path


def passed_before(entry: dict) -> bool:
    remembered = entry_of(entry)
    try:
        headers = json.loads(remembered.read_text())
        os.utime(remembered)
    except (OSError, ValueError):
        return False
    return all(digest(str(ROOT / header)) == content for header, content in headers.items())


def remember(entry: dict) -> None:
    rule = subprocess.run([*compile_command(entry), "-M"], cwd=entry["directory"], capture_output=True, text=True)
    if rule.returncode != 0:
        return
    names = re.split(r"(?<!\\)\s+", rule.stdout.split(":", 1)[1].replace("\\\n", " ").strip())
    headers = {portable(os.path.normpath(os.path.join(entry["directory"], name.replace("\\ ", " ")))) for name in names}
    temporary = entry_of(entry).with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({header: digest(str(ROOT / header)) for header in sorted(headers)}))
    temporary.replace(entry_of(entry))


def check(build: pathlib.Path, entry: dict) -> tuple[dict, bool, str, float]:
    started = time.monotonic()
    command = [CLANG_TIDY, "--quiet", f"--checks={CHECKS}", "-p", str(build), entry["file"]]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    clean = result.returncode == 0
    if clean:
        remember(entry)
    # Omit the number of suppressed warnings in system headers.
    errors = "\n".join(line for line in result.stderr.splitlines() if not re.match(r"^\d+ warnings? (generated|treated)", line))
    return entry, clean, (result.stdout + errors).strip(), time.monotonic() - started


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    build = pathlib.Path(sys.argv[1]).resolve()
    wanted = {str(pathlib.Path(name).resolve()) for name in sys.argv[2:]}
    database = json.loads((build / "compile_commands.json").read_text())
    entries = [entry for entry in database if not wanted or entry["file"] in wanted]
    if unknown := wanted - {entry["file"] for entry in database}:
        print(f"clang-tidy: {build.name} does not compile {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    CACHE.mkdir(parents=True, exist_ok=True)
    for remembered in CACHE.iterdir():
        if time.time() - remembered.stat().st_mtime > KEPT_SECONDS:
            remembered.unlink(missing_ok=True)

    todo = [entry for entry in entries if not passed_before(entry)]
    print(f"clang-tidy: {len(entries)} files, {len(entries) - len(todo)} of them passed before", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(check, build, entry) for entry in todo]
        for number, future in enumerate(concurrent.futures.as_completed(running), 1):
            entry, clean, output, seconds = future.result()
            failed += not clean
            name = portable(entry["file"])
            print(f"clang-tidy: [{number}/{len(todo)}] {name} {'ok' if clean else 'FAILED'} ({seconds:.0f} s)", flush=True)
            if not clean:
                print(output, flush=True)
    if failed:
        print(f"clang-tidy: {failed} files have findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
