"""What is an extra is imported only where it is used."""

from __future__ import annotations

import subprocess
import sys

EXTRAS = (
    "exchange_calendars", "gymnasium", "mlflow", "pandera", "psycopg", "s3fs", "sb3_contrib",
    "sklearn", "stable_baselines3", "torch", "yfinance",
)  # fmt: skip
FLOWS = "flows.train, flows.retrain, flows.score, flows.pipeline, flows.doctor, flows.cli.app"


def test_all_flows_are_there_where_no_extra_is() -> None:
    hide = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{hide}; import {FLOWS}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
