"""All rows of the benchmark in one table: `make bench`.

Each script of rows is a process of its own, one after the other. The table is printed and written
as Markdown and JSON, with what machine it was measured on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.harness import Measured, Spread, table

SCRIPTS = (
    "engine", "torch", "epoch", "overlap", "store", "start", "retry", "long", "memory",
)  # fmt: skip


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, help="of each row, instead of its own")
    parser.add_argument("--scripts", nargs="+", default=SCRIPTS, choices=SCRIPTS)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows, failed = [], []
    for script in given.scripts:
        print(f"== {script}", file=sys.stderr, flush=True)
        found = measured(script, given.rounds)
        rows += found or []
        if found is None:
            failed.append(script)
    print(table(rows))
    write(given.out, rows)
    if failed:
        sys.exit(f"these ended with an error, and their rows are missing: {', '.join(failed)}")


def measured(script: str, rounds: int | None) -> list[Measured] | None:
    """The rows of a script; None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.json")
        command = [sys.executable, "-m", f"tests.benchmarks.bench_{script}", "--json", str(path)]
        command += ["--rounds", str(rounds)] if rounds else []
        if subprocess.run(command, check=False).returncode:
            return None
        return [_row(one) for one in json.loads(path.read_text(encoding="utf-8"))]


def _row(plain: dict[str, Any]) -> Measured:
    spreads = {name: Spread(**plain[name]) for name in ("figure", "noise", "ours", "bare")}
    return Measured(**plain | spreads)


def write(folder: Path, rows: list[Measured]) -> None:
    """The table in Markdown, and everything in JSON."""
    about = machine()
    words = "; ".join(f"{name} {value}" for name, value in about.items())
    text = f"{table(rows, markdown=True)}\n\n{words}\n"
    (folder / "table.md").write_text(text, encoding="utf-8")
    plain = [asdict(row) | {"cells": row.cells()} for row in rows]
    whole = json.dumps({"machine": about, "rows": plain}, indent=1)
    (folder / "table.json").write_text(whole, encoding="utf-8")
    print(f"written to {folder}/table.md and table.json", file=sys.stderr)


def machine() -> dict[str, Any]:
    """What the figures are from."""
    libraries = ("prefect", "numpy", "pandas", "pyarrow", "pydantic")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


if __name__ == "__main__":
    main()
