"""How long a person waits: to the first batch, for a finished run asked again, for a command.

Run it with `python -m tests.benchmarks.bench_start`. All are processes, from their start; the flows
use the same running server. The first batch is the moment at which a listener of the run is told
of it; there the process ends. The finished run's server is one that cannot be reached, so that the
row fails if it is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Aim, Row, in_turn, main
from tests.benchmarks.served import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "quickstart.yaml"
RETRAIN = str(Path(sys.executable).with_name("retrain"))
NOWHERE = "http://127.0.0.1:9/api"
LISTENER = """
import os, time
from pathlib import Path
from training.callbacks import CallbackBase

class Die(CallbackBase):
    def identity(self):
        return None
    def on_batch_begin(self, record):
        Path("reached").write_text(str(time.time()))
        os._exit(9)
"""
EMPTY = """
from prefect import flow, task

@task
def nothing():
    return 1

@flow
def empty():
    nothing()

empty()
"""


def process(folder: Path, *command: str, environment: dict[str, str] | None = None) -> float:
    """Seconds of a process that succeeds."""
    began = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    return time.perf_counter() - began


def first_batch(folder: Path) -> float:
    """Seconds from the command to its first batch."""
    began = time.time()
    subprocess.run(
        [RETRAIN, "run", "dying.yaml", "--resume", "never"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return float((folder / "reached").read_text()) - began


def commands() -> Iterator[tuple[str, Sequence[str]]]:
    """Those that should be there at once."""
    yield "retrain --help", ["--help"]
    yield "retrain schema", ["schema"]
    yield "retrain models list", ["models", "list"]


def rows() -> Iterator[Row]:
    """Five."""
    python = sys.executable
    with own_server() as folder:
        (folder / "dying.py").write_text(LISTENER)
        dying = f"extends: {CONFIG}\nname: dying\ncallbacks: [{{type: 'dying:Die'}}]\n"
        (folder / "dying.yaml").write_text(dying)
        (folder / "empty.py").write_text(EMPTY)
        process(folder, RETRAIN, "run", str(CONFIG))
        yield Row(
            "from `retrain run` to the first batch",
            "an empty Prefect flow with one task",
            Aim("above", 1.0, "s"),
            in_turn(partial(process, folder, python, "empty.py"), partial(first_batch, folder)),
        )
        yield Row(
            "a finished run asked for again, no server",
            "python importing pandas and pyarrow",
            Aim("most", 1.0, "s"),
            in_turn(
                partial(process, folder, python, "-c", "import pandas, pyarrow"),
                partial(
                    process, folder, RETRAIN, "run", str(CONFIG),
                    environment={"PREFECT_API_URL": NOWHERE},
                ),
            ),
        )  # fmt: skip
        for name, arguments in commands():
            yield Row(
                f"`{name}`",
                "python importing pydantic",
                Aim("above", 0.3, "s"),
                in_turn(
                    partial(process, folder, python, "-c", "import pydantic"),
                    partial(process, folder, RETRAIN, *arguments),
                ),
            )


if __name__ == "__main__":
    main(rows)
