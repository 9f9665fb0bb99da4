"""The temporary Prefect server: there while it is needed, gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from flows.temporary_server import temporary_server
from training.errors import RetrainError

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


INTERRUPTING = """
import os, signal, time
from pathlib import Path
from training.callbacks import CallbackBase

class Interrupt(CallbackBase):
    def on_batch_end(self, record):
        if (record.epoch, record.batch) == (2, 5):
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
            found = children.read_text().split() if children.exists() else ["macOS"]
            Path("seen").write_text(f"{len(found)} {time.time()}")
            os.killpg(os.getpgid(0), signal.SIGINT)
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_run_with_its_only_server_at_once(tmp_path: Path) -> None:
    """A terminal sends it to the whole group; no server but ours was ever started."""
    (tmp_path / "interrupting.py").write_text(INTERRUPTING)
    environment = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    command = [str(Path(sys.executable).parent / "retrain"), "run",
               str(Path(__file__).parents[2] / "configs/quickstart.yaml"),
               "--set", "callbacks=[{type: 'interrupting:Interrupt'}]"]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment | {"PREFECT_HOME": str(tmp_path / "prefect")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _, err = process.communicate(timeout=120)
    ended = time.time()
    assert process.returncode == 128 + signal.SIGINT, err
    children, at = (tmp_path / "seen").read_text().split()
    assert children in {"1", "macOS"}
    assert ended - float(at) < 25
    *_, reason, last = err.splitlines()
    assert reason == "retrain: interrupted by SIGINT at epoch 2, batch 5; checkpoint saved"
    assert last.startswith("continue with: retrain resume ")
