"""The temporary Prefect server: there while it is needed, gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from flows.temporary_server import temporary_server
from training.errors import RetrainError

if TYPE_CHECKING:
    from pathlib import Path

OWNER = """
import time
from flows.temporary_server import temporary_server
with temporary_server(lambda seconds: None) as url:
    print(url, flush=True)
    time.sleep(600)
"""


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/health", timeout=5):
            return True
    except (URLError, OSError):
        return False


def test_it_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves nobody to stop it: the kernel closes the pipe that it reads."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    url = owner.stdout.readline().strip()
    assert _answers(url)
    owner.send_signal(signal.SIGKILL)
    # The pipes are the owner's alone: a server that held them would keep us waiting here.
    assert owner.communicate(timeout=20) == ("", "")
    waited = time.monotonic() + 20
    while _answers(url):
        assert time.monotonic() < waited, "the server outlived its owner"
        time.sleep(0.1)


def test_one_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that is a file is one of the ways in which it cannot."""
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    with pytest.raises(RetrainError, match="did not start"), temporary_server(lambda _: None):
        pass
