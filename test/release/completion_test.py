#!/usr/bin/env python3
"""completion_test.py RECEIVERCTL [KUBECTL]: completion in a bash on a pseudo-terminal, as people type it. By the program's
own name, and as kubectl's plugin by kubectl's own completion."""

import os
import pathlib
import pty
import re
import select
import signal
import sys
import tempfile
import time
import unittest

RECEIVERCTL = pathlib.Path(sys.argv[1]).resolve()
KUBECTL = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
PROMPT = "READY> "
PATIENCE = 20

# What kubectl's completion takes of the package bash-completion: the words of the line, with `:` and `=` within them.
GET_WORDS = r"""
_get_comp_words_by_ref() {
  while [[ $1 == -n ]]; do shift 2; done
  cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
}
__ltrim_colon_completions() { :; }
"""


class Terminal:
    """A bash, and what its terminal shows."""

    def __init__(self, path):
        environment = {"PATH": f"{path}:/usr/bin:/bin", "HOME": path, "TERM": "dumb", "PS1": PROMPT, "LC_ALL": "C.UTF-8"}
        self.unread = ""
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        self.read_until(PROMPT)
        self.command("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; COLUMNS=200")

    def close(self):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.screen)

    def read_until(self, wanted):
        """What is shown up to the end of that text; else what was, in an error."""
        end = time.monotonic() + PATIENCE
        while wanted not in self.unread:
            ready, _, _ = select.select([self.screen], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{wanted!r} is not shown, but {self.unread!r}")
            self.unread += os.read(self.screen, 4096).decode()
        before, self.unread = self.unread.split(wanted, 1)
        return before + wanted

    def type(self, text):
        os.write(self.screen, text.encode())

    def command(self, line):
        """Its output. The prompt comes back once it has ended."""
        self.type(line + "\n")
        self.read_until("\n")
        return self.read_until(PROMPT).removesuffix(PROMPT)

    def delete_line(self):
        self.type("\x15echo deleted$((1 + 1))\n")
        self.read_until("deleted2")
        self.read_until(PROMPT)

    def completed(self, line):
        """What becomes of the line at a TAB."""
        self.type(line + "\t" + "#end")
        shown = self.read_until("#end").removesuffix("#end")
        self.delete_line()
        return shown.replace("\x07", "")

    def offered(self, line):
        """The words that two TABs show."""
        self.type(line + "\t\t")
        shown = self.read_until(PROMPT)
        self.delete_line()
        return set(re.findall(r"\S+", shown.replace("\x07", "").removeprefix(line))) - {PROMPT.strip()}


class CompletionTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        for name in "receiverctl", "kubectl-bitbucket_receiver", "kubectl_complete-bitbucket_receiver":
            os.symlink(RECEIVERCTL, f"{self.folder}/{name}")
        if KUBECTL:
            os.symlink(KUBECTL, f"{self.folder}/kubectl")
        self.terminal = Terminal(self.folder)
        self.addCleanup(self.terminal.close)

    def expect(self, line, completed):
        self.assertEqual(self.terminal.completed(line), completed, line)

    def test_by_its_own_name(self):
        self.terminal.command("source <(receiverctl completion bash)")
        self.expect("receiverctl rece", "receiverctl receivers ")
        self.expect("receiverctl receivers d", "receiverctl receivers describe ")
        self.expect("receiverctl check --via-nothing", "receiverctl check --via-nothing")
        self.expect("receiverctl check --kubec", "receiverctl check --kubeconfig ")
        self.assertLessEqual({"receivers", "register", "unregister", "deliveries"},
                             self.terminal.offered("receiverctl "))

    @unittest.skipUnless(KUBECTL, "there is no kubectl")
    def test_as_kubectls_plugin(self):
        pathlib.Path(self.folder, "words.bash").write_text(GET_WORDS)
        self.terminal.command("source ~/words.bash; source <(kubectl completion bash)")
        self.expect("kubectl bitbucket-receiver rece", "kubectl bitbucket-receiver receivers ")
        self.expect("kubectl bitbucket-receiver receivers d", "kubectl bitbucket-receiver receivers describe ")
        self.expect("kubectl bitbucket-receiver check --all-s", "kubectl bitbucket-receiver check --all-secrets ")
        said = self.terminal.command("kubectl bitbucket-receiver recievers")
        self.assertIn('kubectl bitbucket-receiver: there is no command "recievers": did you mean "receivers"?', said)

    def test_help_fits_the_terminal(self):
        for columns in 60, 100:
            said = self.terminal.command(f"stty cols {columns}; unset COLUMNS; receiverctl check --help")
            prose = [line for line in said.splitlines() if not line.startswith("  receiverctl") and "kubectl" not in line]
            self.assertLessEqual(max(map(len, prose)), columns)
            self.assertGreater(max(map(len, prose)), columns - 15)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
