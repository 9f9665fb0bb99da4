"""A process that does one operation, and is killed: at random, or by strace at a system call."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HAS_STRACE = shutil.which("strace") is not None

_CALL = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)
_LOOKS = {
    *("read", "fstat", "newfstatat", "lseek", "getpid", "brk", "mmap", "munmap", "futex"),
    *("gettid", "clone3", "rseq", "set_robust_list", "epoll_create1", "epoll_ctl", "epoll_wait"),
    *("socketpair", "getsockname", "recvfrom", "sendto", "prctl", "sched_getparam"),
}
"""Calls that change no file: a kill at one is a kill after the change before it."""


class Child:
    """A process forked off, which waits for its word before it acts."""

    def __init__(self, act: Callable[[], object]) -> None:
        ready, self._word = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(ready)
            return
        code = 1
        try:
            os.read(ready, 1)
            act()
            code = 0
        finally:
            os._exit(code)

    def go(self) -> None:
        """Let it act."""
        os.write(self._word, b"x")
        os.close(self._word)

    def pause(self) -> None:
        """Stop it after the call that it is in; nothing happens if it ended."""
        os.kill(self.pid, signal.SIGSTOP)
        while not self._has_paused():
            time.sleep(0.001)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _has_paused(self) -> bool:
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state in {"T", "Z"}

    def wait(self) -> bool:
        """Whether it did all it had to; False: it was killed.

        Raises:
            AssertionError: it failed.
        """
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return False
        assert os.WEXITSTATUS(status) == 0, "the operation failed by itself"
        return True


def apart(act: Callable[[], bytes | None]) -> bytes:
    """What it returns, in a process of its own: nothing of it stays in this one.

    Raises:
        AssertionError: it failed.
    """
    found, given = os.pipe()
    child = Child(lambda: os.write(given, act() or b""))
    os.close(given)
    child.go()
    with os.fdopen(found, "rb") as answer:
        content = answer.read()
    assert child.wait()
    return content


def killed_after(act: Callable[[], object], seconds: float) -> bool:
    """Kill it that long after its start; whether it was done by then."""
    child = Child(act)
    child.go()
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    return child.wait()


def system_calls(act: Callable[[], object], folder: Path) -> Counter[str]:
    """How often it makes each system call that may change a file."""
    log = folder / "strace.log"
    assert _traced(act, ["-o", str(log)])
    counts = Counter(_CALL.findall(log.read_text()))
    return Counter({name: count for name, count in counts.items() if name not in _LOOKS})


def killed_at(act: Callable[[], object], name: str, number: int) -> bool:
    """Kill it as it makes the n-th system call of a name; whether it was done by then."""
    return _traced(act, ["-o", "/dev/null", "-e", f"inject={name}:signal=SIGKILL:when={number}"])


def _traced(act: Callable[[], object], options: list[str]) -> bool:
    child = Child(act)
    command = ["strace", "-f", "-p", str(child.pid), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        assert "attached" in line, line
        child.go()
        done = child.wait()
        tracer.stderr.read()
    return done
