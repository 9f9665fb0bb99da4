"""What a night costs: memory, processor, storage and Prefect's database, for sizing a worker.

Three nights of configs/retrain.yaml as the flow `retrain`, in a process of its own, on a temporary
server; one night of it before, so that what the first one makes is not counted.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
NIGHTS = ("2016-07-28", "2016-07-29", "2016-08-01")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        update(folder, "2016-07-27")
        stored, recorded = size(folder / "storage"), size(folder / "prefect")
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        for night in NIGHTS:
            update(folder, night)
        wall = (time.monotonic() - began) / len(NIGHTS)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        user = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(NIGHTS)
        more_stored = (size(folder / "storage") - stored) / len(NIGHTS)
        more_recorded = (size(folder / "prefect") - recorded) / len(NIGHTS)
    peak = after.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print("a night of configs/retrain.yaml, mean of three")
    print(f"  seconds, with a temporary server     {wall:8.1f}")
    print(f"  processor seconds, with that server  {user:8.1f}")
    print(f"  MiB of memory, the largest process   {peak:8.0f}")
    print(f"  kB more in the storage               {more_stored / 1e3:8.0f}")
    print(f"  kB more in Prefect's database        {more_recorded / 1e3:8.0f}")


def update(folder: Path, night: str) -> None:
    """One night."""
    program = str(Path(sys.executable).with_name("retrain"))
    command = [program, "update", str(ROOT / "configs/retrain.yaml"), "--as-of", night]
    subprocess.run(
        [*command, "--storage", str(folder / "storage")],
        cwd=ROOT,
        env={**os.environ, "PREFECT_HOME": str(folder / "prefect")},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
