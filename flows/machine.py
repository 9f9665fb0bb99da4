"""Everything on one machine: a Prefect server, a worker and the deployments, and their end.

`make up` and `make down`. What was started is written down with the time at which it began, so that
a process that has got the same number since is never ended in its place.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from training.errors import BusyError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = ".prefect"
"""Where server, logs and pid files are, in the repository's root."""
PARTS = ("worker", "server")
"""In the order in which they are ended: a run that is stopped still tells the server."""
START_SECONDS = 180.0
STOP_SECONDS = 40.0
"""A run that is asked to stop saves its checkpoint within `execution.grace_seconds` (20)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What runs here.

    Attributes:
        root: the repository's root.
        port: where the server listens, on this machine alone.
    """

    root: Path
    port: int

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Prefect's settings for all of it; what the user has set stays."""
        defaults = {
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        }
        ours = {
            "PREFECT_HOME": str(self.root / FOLDER / "home"),
            "PREFECT_API_URL": f"{self.url}/api",
            # Else the UI asks port 4200, wherever the server is.
            "PREFECT_SERVER_UI_API_URL": f"{self.url}/api",
        }
        return defaults | dict(os.environ) | ours

    def up(self, say: Callable[[str], None]) -> None:
        """Start what does not run, deploy, and say where to click.

        Raises:
            RetrainError: the server did not start, or Prefect refused.
            BusyError: somebody else's server has the port.
        """
        (self.root / FOLDER).mkdir(exist_ok=True)
        if not self.is_up("server"):
            if _answers(f"{self.url}/api/health"):
                raise BusyError(
                    f"a server that `make up` did not start answers at {self.url}; deploy to it "
                    f"(PREFECT_API_URL={self.url}/api make deploy), or choose another: PORT=4300"
                )
            say("starting the server (up to a minute the first time) …")
            self._start("server", "server", "start", "--host", "127.0.0.1",
                        "--port", str(self.port))  # fmt: skip
            self._wait()
        self._deploy()
        if not self.is_up("worker"):
            self._start("worker", "worker", "start", "--pool", "retrain")
        say(
            f"up. Runs, forms, curves: {self.url}/deployments\n"
            f"commands on this server: export PREFECT_API_URL={self.url}/api\n"
            f"logs: {FOLDER}/server.log, {FOLDER}/worker.log; the end: make down"
        )

    def down(self, say: Callable[[str], None]) -> None:
        """End what `up` started, and nothing else; a run that is at work saves a checkpoint."""
        for part in PARTS:
            pid = self._pid(part)
            if pid is not None:
                say(f"stopping the {part} …")
                _ask_children(pid)
                _stop(pid)
            self._file(part).unlink(missing_ok=True)
        say("down. Data and history stay; `make up` goes on with them")

    def is_up(self, part: str) -> bool:
        """Whether a part that `up` started is alive."""
        return self._pid(part) is not None

    def _file(self, part: str) -> Path:
        return self.root / FOLDER / f"{part}.json"

    def _pid(self, part: str) -> int | None:
        """Of a part that lives; None: it was not started, has ended, or is another process."""
        try:
            told = json.loads(self._file(part).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        began = _began(told["pid"])
        return told["pid"] if began and began == told["began"] else None

    def _start(self, part: str, *arguments: str) -> None:
        with (self.root / FOLDER / f"{part}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - this Python's own Prefect
                [sys.executable, "-m", "prefect", *arguments],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        told = {"pid": process.pid, "began": _began(process.pid)}
        self._file(part).write_text(json.dumps(told), encoding="utf-8")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"{self.url}/api/health"):
            if not self.is_up("server") or time.monotonic() > deadline:
                raise RetrainError(f"the server did not start; see {FOLDER}/server.log")
            time.sleep(0.2)

    def _deploy(self) -> None:
        """In a process of its own: Prefect reads its settings once a process."""
        command = [sys.executable, "-m", "flows.machine", "deploy"]
        done = subprocess.run(command, cwd=self.root, env=self.environment, check=False)  # noqa: S603 - this module
        if done.returncode:
            raise RetrainError("the deployments were not made: the lines above say why")


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310 - this machine's own address
            return True
    except (URLError, OSError):
        return False


def _began(pid: int) -> str:
    """When a process began, in the words of `ps`; empty: there is none."""
    asked = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - a constant and a number


def _ask_children(pid: int) -> None:
    """SIGTERM to the children alone, and time to end: a worker would kill its runs at once."""
    asked = _children(pid)
    for child in asked:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while asked & _children(pid) and time.monotonic() < deadline:
        time.sleep(0.1)


def _children(pid: int) -> set[int]:
    """Those that live."""
    found = (line.split() for line in _processes("pid=,ppid=,stat="))
    return {int(child) for child, of, stat in found if of == str(pid) and stat[0] != "Z"}


def _stop(pid: int) -> None:
    """SIGTERM to it and its children; SIGKILL if that is not enough."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _group_lives(pid):
                return
            time.sleep(0.1)


def _group_lives(pid: int) -> bool:
    lines = (line.split() for line in _processes("pgid=,stat="))
    return any(group == str(pid) and stat[0] != "Z" for group, stat in lines)


def _processes(columns: str) -> list[str]:
    """A line each, as `ps` tells it."""
    asked = ["ps", "-A", "-o", columns]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()  # noqa: S603 - names of columns


def main(command: str) -> None:
    """What the Makefile calls: `up`, `down` or `deploy`."""
    from flows.deploying import deploy

    machine = Machine(Path.cwd(), int(os.environ.get("RETRAIN_PORT", "4200")))
    try:
        if command == "deploy":
            deploy(machine.root, _say)
        else:
            {"up": machine.up, "down": machine.down}[command](_say)
    except RetrainError as error:
        sys.exit(f"retrain: {error}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
