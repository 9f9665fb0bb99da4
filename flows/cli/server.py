"""The Prefect server that a command works with: the configured one, or a temporary one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Waiting(Protocol):
    """Who tells a person what is waited for."""

    def say(self, line: str) -> None:
        """A line."""
        ...

    def waiting(self, seconds: float) -> None:
        """So long already."""
        ...


_ASK = "from prefect.settings import get_current_settings as s; print(s().api.url or '')"


@contextmanager
def server(screen: Waiting) -> Iterator[None]:
    """The server that is configured, or a temporary one."""
    url = _configured_server()
    if url is not None:
        _require_answer(url)
        yield
        return
    from flows.temporary_server import temporary_server

    screen.say("starting Prefect's temporary server (up to a minute the first time) …")
    with temporary_server(screen.waiting) as url:
        os.environ["PREFECT_API_URL"] = url
        try:
            yield
        finally:
            os.environ.pop("PREFECT_API_URL", None)


def _configured_server() -> str | None:
    """What the environment, a profile or a settings file of Prefect says.

    Another process is asked: Prefect reads its settings once a process, and would start a server of
    its own beside the temporary one if it had read them before that one's address is known.
    """
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"]
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    files = [home / "profiles.toml", Path("prefect.toml"), Path(".env"), Path("pyproject.toml")]
    if "PREFECT_PROFILES_PATH" not in os.environ and not any(file.is_file() for file in files):
        return None
    asked = subprocess.run(  # noqa: S603 - this Python, a constant
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def _require_answer(url: str) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=10):  # noqa: S310 - the user's own setting
            return
    except (URLError, OSError, ValueError) as error:
        raise RetrainError(
            f"the Prefect server at PREFECT_API_URL = {url} does not answer ({error}); start it "
            "with `prefect server start`, or unset PREFECT_API_URL to use a temporary one"
        ) from None
