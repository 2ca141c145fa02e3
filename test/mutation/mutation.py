#!/usr/bin/env python3
"""How many small faults the tests notice: `make mutation ROOM=pkg/git` (COUNT=40, SEED=1, JOBS=cores).

universalmutator proposes faults of single lines of a room's sources. A sample of them, one of a line, is compiled one by
one in copies of the tree below build/mutation, and judged by the room's unit tests, of cmd/bitbucket-receiver by a choice
of integration tests, too. What does not compile does not count. A fault that no test notices has survived; one that
nobody could notice is listed in equivalent.txt with the reason, and does not count either. A test that hangs has noticed
as well, if it hangs alone, too: the line of such a fault says `hangs`.

The sample depends on the seed and on the text of each line alone: other lines may change without another sample. Verdicts
are kept in build/mutation/ROOM/verdicts.json: what was interrupted goes on, and after a change of the tests only the
survivors are judged again. A sample of 40 or more is written into RESULTS.md beside this file.
"""

import concurrent.futures
import contextlib
import datetime
import difflib
import hashlib
import html
import io
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from universalmutator import mutator  # of the environment that run.sh makes

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "RESULTS.md"
TREES = ROOT / "build/mutation"  # copies of the project, which all rooms share, and what was found by room
ENOUGH = 40  # faults of a room for a result that is written down

# Headers that hold code. Others are left out: a change of theirs recompiles half of the tree.
HEADERS = {"pkg/kube": ["store.h"]}
# Beside the unit tests: tags and names of test/integration.
INTEGRATION = {"cmd/bitbucket-receiver": "[lifecycle]~[.],[certificate],[liveness],[readiness],[cluster_config],[late_targets],Events on the ProjectConfig*"}
# Tests of memory, which take minutes where nothing is optimised.
LEFT_OUT = ["--filenames-as-tags", "~[#watch_memory_test]"]
# Lines that are no code of their own.
IGNORED = [r"^\s*(#|//|namespace\b|using\b|static_assert\b|(public|private|protected):|\}+;?\s*$)", r"\) = delete;$"]
# Rules that seldom give what compiles: a jump behind the line, two arguments or operands in each other's place.
USELESS = (r"\n\1break;\n", r"\n\1continue;\n", r"\1\3,\2\4", "(1==1) &&", "(0==1) ||")

# Operators without the spaces of clang-format, which stand in types and before pointers; texts and times are only added.
HOPELESS = [re.compile(pattern) for pattern in (
    r"\w\(\d+[+-]1\)\w", r"\w>[\w:]+[*&]?>", r"[\s(,!][-%+/]\*?[a-z_]\w*(\.|->|[,;)])", r'" [-*/%] | [-*/%] "', r"\bnow(\(\))? [*/%] ", "===")]
# The name in it: `const auto name = …`, `Type name{…}`, `bool Type::name(`.
DECLARATION = re.compile(r"\s*(?!return\b|co_return\b|throw\b|else\b|delete\b)(?:[\w:]+(?:<.*?>)?[&*]? )+(?:\w+::)*(\w+)(?: = |[;{(])")

BUILD_SECONDS = 120
INTEGRATION_SECONDS = 600
MEMORY = 8 << 30  # of one process; a fault may ask for more and more


class Room:
    def __init__(self, name):
        self.name = name
        self.folder = ROOT / name
        self.place = TREES / name
        short = name.removeprefix("pkg/")
        self.unit = f"unit_{self.folder.name}"
        self.test_seconds = 600  # of one test; then three times what the slowest takes without a fault
        self.targets = [self.unit] + (["integration"] if name in INTEGRATION else [])
        self.test_files = [ROOT / "test/unit" / short] + ([ROOT / "test/integration"] if name in INTEGRATION else [])

    def sources(self):
        return sorted(self.folder.glob("*.cpp")) + [self.folder / name for name in HEADERS.get(self.name, [])]

    def tests_digest(self):
        files = sorted(path for folder in self.test_files for path in folder.rglob("*") if path.is_file())
        return digest(*(path.read_text() for path in files))


class Fault:
    def __init__(self, file, lines, line, changed, seed):
        self.file, self.lines, self.line, self.changed = file, lines, line, changed
        self.text = lines[line - 1]
        self.place = digest(str(seed), file, self.text, str(lines[:line].count(self.text)))
        self.rank = digest(self.place, changed)
        self.key = digest(file, "".join(lines), str(line), changed)

    def hopeless(self):
        """No compiler need be asked."""
        before, after = marks(self.text), marks(self.changed)
        if before[:-1] != after[:-1] or before[-1] < after[-1]:
            return True
        return self.leaves_a_torso() if self.is_gone() else any(pattern.search(self.changed) for pattern in HOPELESS)

    def is_gone(self):
        return self.changed.strip().startswith("/*")

    def leaves_a_torso(self):
        """Without a name that is used, the only `return`, or a part of a statement."""
        code = re.sub(r"\s*//.*", "", self.text).rstrip()
        if declared := DECLARATION.match(code):
            return len(re.findall(rf"\b{declared[1]}\b", "".join(self.lines))) > 1
        following = self.lines[self.line] if self.line < len(self.lines) else ""
        if re.match(r"\s*(co_)?return .*;$", code):
            return following.startswith("}")
        return not code.endswith((";", "}", ":")) and not re.match(r'\s*("|\}|\w*\{)', code)

    def source(self):
        return "".join([*self.lines[:self.line - 1], self.changed, *self.lines[self.line:]])

    def as_diff(self):
        before, after = "".join(self.lines).splitlines(), self.source().splitlines()
        return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=2))[2:])  # without names


def digest(*words):
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def marks(line):
    """Open brackets by kind, and how many operators have a name to their left without the space of clang-format."""
    code = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])+\'|/\*.*?\*/|//.*', "", line)
    brackets = [code.count(opening) - code.count(closing) for opening, closing in ("()", "[]", "{}")]
    return [*brackets, len(re.findall(r"[\w>\[](==|!=|<=|>=|\||\^|[-%+/] |<( |$))", re.sub("[01]==1", "", code)))]


def one_line(text):
    return " ".join(text.split())


def faults_of(room, seed):
    """In the order of the sample: a fault of each line, then the second one of each, and so on."""
    by_place = {}
    for path in room.sources():
        file, lines = path.relative_to(ROOT).as_posix(), path.read_text().splitlines(keepends=True)
        with contextlib.redirect_stdout(io.StringIO()):
            found = mutator.mutants_regexp(lines, ["universal.rules", "cpp.rules", "c_like.rules"],
                                            ignorePatterns=IGNORED, ignoreStringOnly=True)
        for line, changed, (rule, _), _ in found:
            if rule.endswith(USELESS):
                continue
            fault = Fault(file, lines, line, changed, seed)
            by_place.setdefault(fault.place, []).append(fault)
    rounds = [(number, place, fault) for place, faults in by_place.items()
              for number, fault in enumerate(sorted(faults, key=lambda fault: fault.rank))]
    return [fault for _, _, fault in sorted(rounds, key=lambda each: each[:2])]


def equivalents():
    """(file, line, changed line) of equivalent.txt."""
    known, file, before = set(), None, None
    for line in (HERE / "equivalent.txt").read_text().splitlines():
        if line.startswith("- "):
            before = one_line(line[2:])
        elif line.startswith("+ "):
            known.add((file, before, one_line(line[2:])))
        elif line.startswith(("pkg/", "controllers/", "webhook/", "cmd/")):
            file = line.strip()
    return known


def run(command, log, seconds, folder, environment=None):
    """Whether it succeeds; None if it is silent for that time. All of its processes end with it."""
    with open(log, "ab") as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env={**os.environ, **(environment or {})}, start_new_session=True)
        heard, written = time.monotonic(), 0
        try:
            while process.poll() is None:
                if (size := os.fstat(output.fileno()).st_size) != written:
                    heard, written = time.monotonic(), size
                if time.monotonic() - heard > seconds:
                    return None
                time.sleep(0.05)
            return process.returncode == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Tree:
    """A copy of the project with a build of its own, in which one fault at a time is made."""

    def __init__(self, room, number):
        self.room = room
        self.folder = TREES / f"tree{number}"
        self.build = self.folder / "build"
        self.log = TREES / f"tree{number}.log"
        self.report = TREES / f"tree{number}.xml"
        self.cluster = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        self.environment = {"CCACHE_BASEDIR": str(self.folder), "CCACHE_NOHASHDIR": "true"}

    def prepare(self, jobs):
        self.copy_project()
        for source in self.room.sources():  # of a run that was killed a fault may have been compiled
            (self.folder / source.relative_to(ROOT)).touch()
        if not (self.build / "build.ninja").exists():
            self.must(["cmake", "-S", self.folder, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                       "-DCMAKE_CXX_FLAGS_DEBUG=-O0"])
        self.must(["cmake", "--build", self.build, "--parallel", str(jobs), *self.target_words()])

    def copy_project(self):
        """What has not changed keeps its time, and is not recompiled."""
        listed = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], text=True)
        names = {name for name in listed.split("\0") if name and os.path.lexists(ROOT / name)}
        for folder, folders, files in os.walk(self.folder):
            if folder == str(self.folder):
                folders[:] = [name for name in folders if name != "build"]
            for path in (pathlib.Path(folder, file) for file in files):
                if path.relative_to(self.folder).as_posix() not in names:
                    path.unlink()
        for name in names:
            source, copy = ROOT / name, self.folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                copy.unlink(missing_ok=True)
                copy.symlink_to(source.readlink())
            elif not copy.exists() or copy.read_bytes() != source.read_bytes():
                shutil.copy(source, copy)

    def target_words(self):
        return [word for target in self.room.targets for word in ("--target", target)]

    def must(self, command):
        if not run(command, self.log, 3600, self.folder, self.environment):
            sys.exit(f"failed without any fault: {' '.join(map(str, command))}; see {self.log}")

    def compiles(self):
        command = ["cmake", "--build", self.build, "--parallel", "2", *self.target_words()]
        return run(command, self.log, BUILD_SECONDS, self.folder, self.environment)

    def unit_tests(self, *arguments):
        """None if they pass, else the name of the first test that failed or hung, and which of both."""
        self.report.write_bytes(b"")
        command = ["prlimit", f"--as={MEMORY}", f"--fsize={MEMORY >> 5}", self.build / self.room.unit, "--abort", *arguments,
                   "--reporter", "xml", "--durations", "yes"]
        if passed := run(command, self.report, self.room.test_seconds, self.build / "test"):
            return None
        names = re.findall(r'<TestCase name="([^"]*)"', self.report.read_text(errors="replace"))
        return html.unescape(names[-1]) if names else "", "hangs" if passed is None else "fails"

    def slowest_test(self):
        return max(map(float, re.findall(r'<OverallResult .*durationInSeconds="([^"]*)"', self.report.read_text())))

    def noticed(self, file):
        """By which test, if any. It must fail by itself, too: what fails by load alone is not the fault's doing."""
        nearest = ["--filenames-as-tags", f"[#{pathlib.Path(file).stem}_test]"]
        for tests in (nearest, LEFT_OUT):
            if failed := self.unit_tests(*tests):
                name = re.sub(r'([\\\[\],"])', r"\\\1", failed[0])
                if again := self.unit_tests(name):
                    return f"{again[0]}: {again[1]}"
        return None if self.passes_integration_tests() else "an integration test fails"

    def passes_integration_tests(self):
        if not (tags := INTEGRATION.get(self.room.name)):
            return True
        command = [self.build / "integration", "--abort", tags]
        return run(command, self.log, INTEGRATION_SECONDS, self.folder, {"INTEGRATION_CLUSTER": self.control_plane()})

    def control_plane(self):
        if self.cluster is None:
            self.cluster = f"{self.folder}.cluster"
            subprocess.run([ROOT / "test/integration/cluster.py", "start", self.cluster], check=True)
        return f"{self.cluster}/{os.getpid()}"

    def judge(self, fault):
        target = self.folder / fault.file
        original = target.read_text()
        target.write_text(fault.source())
        try:
            if not self.compiles():
                return "not compiled", ""
            noticed = self.noticed(fault.file)
            return ("killed", noticed) if noticed else ("survived", "")
        finally:
            target.write_text(original)

    def close(self):
        if self.cluster is not None:
            subprocess.run([ROOT / "test/integration/cluster.py", "stop", self.cluster])


class Verdicts:
    def __init__(self, room):
        room.place.mkdir(parents=True, exist_ok=True)
        self.file = room.place / "verdicts.json"
        self.tests = room.tests_digest()
        self.lock = threading.Lock()
        self.known = json.loads(self.file.read_text()) if self.file.exists() else {}

    def of(self, fault):
        verdict, tests = self.known.get(fault.key, (None, None))
        return None if verdict == "survived" and tests != self.tests else verdict

    def keep(self, fault, verdict):
        with self.lock:
            self.known[fault.key] = (verdict, self.tests)
            temporary = self.file.with_suffix(".new")
            temporary.write_text(json.dumps(self.known))
            temporary.replace(self.file)


def judge_sample(room, count, seed, jobs):
    """(fault, verdict) of as many as compile, and how many do not."""
    verdicts, known = Verdicts(room), equivalents()
    trees, every = queue.Queue(), []
    candidates, lock = iter(faults_of(room, seed)), threading.Lock()
    judged, not_compiled, missing = [], 0, count

    def verdict_of(fault):
        if (fault.file, one_line(fault.text), one_line(fault.changed)) in known:
            return "equivalent"
        if fault.hopeless():
            return "not compiled"
        if (verdict := verdicts.of(fault)) is not None:
            return verdict
        tree, started = trees.get(), time.monotonic()
        try:
            verdict, how = tree.judge(fault)
        finally:
            trees.put(tree)
        verdicts.keep(fault, verdict)
        print(f"{verdict:12} {time.monotonic() - started:4.0f} s  {fault.file}:{fault.line}: {one_line(fault.changed)[:90]}", flush=True)
        if how:
            print(f"             {how}", flush=True)
        return verdict

    def work():
        nonlocal not_compiled, missing
        while True:
            with lock:
                if missing <= 0 or (fault := next(candidates, None)) is None:
                    return
                missing -= 1
            verdict = verdict_of(fault)
            with lock:
                if verdict in ("killed", "survived"):
                    judged.append((fault, verdict))
                else:
                    missing += 1
                    not_compiled += verdict == "not compiled"

    try:
        for number in range(jobs):
            tree = Tree(room, number)
            every.append(tree)
            print(f"{room.name}: building {tree.folder}", flush=True)
            tree.prepare(jobs)
            if number == 0:
                if (failed := tree.unit_tests(*LEFT_OUT)) or not tree.passes_integration_tests():
                    sys.exit(f"the tests fail without any fault: {failed or f'see {tree.log}'}")
                room.test_seconds = 10 + 3 * tree.slowest_test()
            trees.put(tree)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for worker in [pool.submit(work) for _ in range(jobs)]:
                worker.result()
    finally:
        for tree in every:
            tree.close()
    return sorted(judged, key=lambda each: (each[0].file, each[0].line)), not_compiled


def write_result(room, row, survivors):
    """Replaces what RESULTS.md says of this room."""
    text = RESULTS.read_text()
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    rows = [line for line in head.splitlines() if line.startswith("| `") and not line.startswith(f"| `{room.name}`")] + [row]
    intro = [line for line in head.rstrip().splitlines() if not line.startswith("| `")]
    sections = [part.rstrip() for part in sections if not part.startswith(f"## {room.name}\n")]
    if survivors:
        sections.append(f"## {room.name}\n\n{survivors}")
    RESULTS.write_text("\n".join(intro + sorted(rows)) + "\n" + "".join(f"\n{part}\n" for part in sorted(sections)))


def main():
    room = Room(sys.argv[1].rstrip("/")) if len(sys.argv) == 2 else None
    if room is None or not room.folder.is_dir() or not room.sources():
        sys.exit("usage: mutation.py ROOM, such as pkg/git")
    count, seed = int(os.environ.get("COUNT") or ENOUGH), int(os.environ.get("SEED") or 1)
    started = time.monotonic()
    judged, not_compiled = judge_sample(room, count, seed, int(os.environ.get("JOBS") or os.cpu_count()))
    survived = [fault for fault, verdict in judged if verdict == "survived"]
    killed = len(judged) - len(survived)
    survivors = "\n\n".join(f"{fault.file}:{fault.line}\n```diff\n{fault.as_diff()}\n```" for fault in survived)
    print(f"\n{survivors}\n")
    print(f"{room.name}: {killed} of {len(judged)} faults killed ({100 * killed / max(1, len(judged)):.0f} %), "
          f"{not_compiled} did not compile, seed {seed}, {time.monotonic() - started:.0f} s")
    if len(judged) >= ENOUGH:
        row = f"| `{room.name}` | {datetime.date.today()} | {len(judged)} | {killed} | {len(survived)} | {100 * killed / len(judged):.0f} % | {not_compiled} | {seed} |"
        write_result(room, row, survivors)


if __name__ == "__main__":
    main()
