"""The one way to run what tests need beside them: as children, which the kernel kills when the thread that started them
ends, however it ends. So start them from the main thread.
"""

import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time


class Failed(Exception):
    """An error for people."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_main(main):
    """Runs main(), prints a failure without a stack trace, and treats SIGTERM as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except Failed as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def finish_undisturbed():
    """Ignores further signals from now on: a second one would interrupt the cleanup."""
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, signal.SIG_IGN)


def succeeds(*command):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def free_port():
    """A free TCP port of 127.0.0.1, below those that the kernel uses for outgoing connections. Another process may still
    take it: callers must retry with another port."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise Failed("no free TCP port found between 20000 and 32000")


class Processes:
    """Child processes by name, each with its output in FOLDER/NAME.log. They end in reverse order."""

    def __init__(self, folder):
        self._folder, self._children = pathlib.Path(folder), {}

    def start(self, name, *command, **environment):
        """Starts a process in its own session, so that Ctrl-C reaches only this program."""
        values = {key: str(value) for key, value in environment.items()}
        with self.log(name).open("wb") as log:
            self._children[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, command)], env=os.environ | values,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def start_on_free_ports(self, name, start):
        """Calls start(), and again if another process took a port that it had chosen."""
        for attempts_left in reversed(range(5)):
            try:
                return start()
            except Failed:
                self.stop(name)
                if not attempts_left or "address already in use" not in self.log(name).read_text(errors="replace").lower():
                    raise
                say(f"a port of {name} was taken meanwhile, trying others")

    def runs(self, name):
        return name in self._children and self._children[name].poll() is None

    def wait(self, name, seconds):
        """Whether the process ends within that time."""
        try:
            self._children[name].wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def await_ready(self, name, seconds, is_ready):
        """Waits until the condition is true."""
        started = told = time.monotonic()
        while not is_ready():
            now = time.monotonic()
            if not self.runs(name):
                raise self.failure(name, "has ended")
            if now - started >= seconds:
                raise self.failure(name, f"is not ready after {seconds} s")
            if now - told >= 5:
                told = now
                say(f"waiting for {name} ... {now - started:.0f} s")
            time.sleep(0.1)

    def log(self, name):
        return self._folder / f"{name}.log"

    def failure(self, name, what):
        end = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-25:])
        return Failed(f"{name} {what}; the end of its log:\n{end}")

    def freeze(self, name):
        """Stops the process until thaw(): it neither answers nor closes anything. It has stopped when this returns."""
        if not self.runs(name):
            raise Failed(f"{name} does not run")
        self._signal(name, signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{self._children[name].pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] not in "TZ":  # stopped, or ended meanwhile
            time.sleep(0.005)

    def thaw(self, name):
        self._signal(name, signal.SIGCONT)

    def kill(self, name):
        """Kills the process. Its ports are free when this returns."""
        if name in self._children:
            self._children[name].kill()
            self._children[name].wait()

    def stop(self, name, seconds=10):
        """Asks the process to finish, and kills it after that time."""
        self._signal(name, signal.SIGTERM)
        self.thaw(name)
        if name in self._children and not self.wait(name, seconds):
            self.kill(name)

    def stop_all(self):
        for name in reversed(self._children):
            self.stop(name)

    def _signal(self, name, number):
        if self.runs(name):
            self._children[name].send_signal(number)
