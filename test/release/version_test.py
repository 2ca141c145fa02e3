#!/usr/bin/env python3
"""Tests config/release/version.sh in a new repository: at tags, between them, without tags, and as an archive."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ".gitattributes", "config/chart/Chart.yaml", "config/release/version.sh"
IN_THE_CHART = re.search(r"^appVersion: (\S+)$", (ROOT / "config/chart/Chart.yaml").read_text(), re.M).group(1)


class VersionTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.clone = self.folder / "clone"
        for file in FILES:
            (self.clone / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, self.clone / file)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.commit()

    def git(self, *arguments):
        who = "-c", "user.name=t", "-c", "user.email=t@example.com"
        return subprocess.run(["git", *who, *arguments], cwd=self.clone, check=True, capture_output=True).stdout

    def commit(self):
        self.git("commit", "--quiet", "--allow-empty", "--message", "m", "--date", "2026-01-02T03:04:05Z")

    def said(self, folder=None):
        script = (folder or self.clone) / "config/release/version.sh"
        return subprocess.run([script], check=True, capture_output=True, text=True).stdout.split()

    def archived(self):
        archive = self.clone / "archive"  # within a repository that is not its own
        archive.mkdir()
        subprocess.run(["tar", "--extract"], input=self.git("archive", "HEAD"), cwd=archive, check=True)
        said = self.said(archive)
        shutil.rmtree(archive)
        return said

    def expect(self, version):
        head = self.git("rev-parse", "HEAD").decode()[:12]
        date = self.git("log", "-1", "--format=%cs").decode().strip()
        self.assertEqual(self.said(), [version, head, date])
        self.assertEqual(self.archived(), [version, head, date])

    def test_a_tag_is_the_version_and_between_tags_they_count_on(self):
        self.git("tag", "--annotate", "v1.2.9", "--message", "m")
        self.expect("1.2.9")
        self.commit()
        self.commit()
        self.expect("1.2.10-dev.2")
        self.git("tag", "v1.3.0")  # as a host's web page makes them
        self.expect("1.3.0")

    def test_without_a_tag_it_is_the_charts(self):
        self.git("tag", "verified")
        self.expect(IN_THE_CHART)

    def test_a_copy_of_the_files_is_of_no_commit(self):
        shutil.rmtree(self.clone / ".git")
        self.assertEqual(self.said(), [IN_THE_CHART, "unknown", "unknown"])


if __name__ == "__main__":
    unittest.main()
