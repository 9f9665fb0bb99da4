"""A Prefect server for as long as one command runs, where none is configured.

Prefect can start one by itself, but that one writes to the user's terminal, gets the user's Ctrl-C
before the training has saved its checkpoint, and is left behind when the training is killed. This
one is silent, stands in a session of its own, and ends when its standard input is closed, which
the kernel does for whoever dies. Records are kept in PREFECT_HOME as usual.

The server process runs `serve`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_SECONDS = 180
STOP_SECONDS = 10

_SETTINGS = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    # What Prefect's own temporary server is started with.
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


# Not `-m`: the folder that this is called in may have a package `flows` of its own.
_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from flows.temporary_server import serve; serve(int(sys.argv[2]))"
)


@contextmanager
def temporary_server(waiting: Callable[[float], None]) -> Iterator[str]:
    """Start a server, wait until it answers, and stop it afterwards.

    Args:
        waiting: called now and then with the seconds waited so far, for the user's eyes.

    Yields:
        The URL of its API.

    Raises:
        RetrainError: it did not start.
    """
    port = _free_port()
    command = [sys.executable, "-P", "-c", _CODE, str(Path(__file__).parents[1]), str(port)]
    process = subprocess.Popen(  # noqa: S603 - this module, by this Python
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_SETTINGS},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        _wait(process, url, waiting)
        yield url
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, waiting: Callable[[float], None]) -> None:
    started = time.monotonic()
    while (waited := time.monotonic() - started) < START_SECONDS:
        if process.poll() is not None:
            break
        try:
            with urlopen(f"{url}/health", timeout=5):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            waiting(waited)
            time.sleep(0.1)
    raise RetrainError(
        f"Prefect's temporary server did not start within {waited:.0f} s "
        f"(exit code {process.poll()}); try `prefect server start` to see why, or set "
        "PREFECT_API_URL to a server that runs"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve(port: int) -> None:
    """The server process: serve until standard input is closed."""
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(
        create_app, host="127.0.0.1", port=port, log_level="critical", factory=True, lifespan="on"
    )
    server = uvicorn.Server(config)

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    server.run()
