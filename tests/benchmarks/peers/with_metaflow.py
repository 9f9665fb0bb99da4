"""Metaflow: a flow of empty steps on this machine; each step is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import metaflow
from common import report

STEPS = 5
FLOW = """
from metaflow import FlowSpec, step

class Chain(FlowSpec):
    @step
    def start(self):
        self.next(self.s1)
{steps}
    @step
    def end(self):
        pass

Chain()
"""
STEP = """
    @step
    def s{number}(self):
        self.next(self.{after})
"""


def processes() -> float:
    """Milliseconds of an empty Python process."""
    began = perf_counter()
    for _ in range(STEPS):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    return 1e3 * (perf_counter() - began) / STEPS


def flow() -> float:
    """Milliseconds a step."""
    steps = "".join(
        STEP.format(number=number, after="end" if number == STEPS else f"s{number + 1}")
        for number in range(1, STEPS + 1)
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "chain.py").write_text(FLOW.format(steps=steps), encoding="utf-8")
        environment = os.environ | {"USERNAME": "bench", "METAFLOW_HOME": folder}
        began = perf_counter()
        subprocess.run(
            [sys.executable, "chain.py", "run"],
            cwd=folder, env=environment, check=True, capture_output=True,
        )  # fmt: skip
        return 1e3 * (perf_counter() - began) / (STEPS + 2)


report(metaflow.__version__, "ms a step", processes, flow)
