"""Other frameworks beside their own bare loops: `make bench-peers`.

Each gets a virtual environment under build/bench/peers, with what pip finds for it now and, where
it trains networks, the PyTorch that constraints.txt pins; its version stands in the table. One that
cannot be installed or does not run has a line that says so. The environments stay for the next
time; `make clean` removes them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SECONDS = 900


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework: what pip is asked for, and the Python script that runs it."""

    name: str
    packages: tuple[str, ...]

    @property
    def script(self) -> Path:
        """What measures it."""
        return HERE / f"with_{self.name}.py"


def _torch() -> str:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line.split(";")[0].strip() for line in lines if line.startswith("torch=="))


def peers() -> tuple[Peer, ...]:
    """All of them."""
    torch = _torch()
    return (
        Peer("ignite", ("pytorch-ignite", "numpy", torch)),
        Peer("skorch", ("skorch", torch)),
        Peer("lightning", ("lightning", torch)),
        Peer("keras", ("keras", torch)),
        Peer("sb3", ("stable-baselines3", torch)),
        Peer("dagster", ("dagster",)),
        Peer("metaflow", ("metaflow",)),
        Peer("zenml", ("zenml[local]",)),
    )


def measured(peer: Peer, folder: Path) -> str:
    """Its line of the table."""
    home = folder / peer.name
    python = home / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps = [] if (home / "installed").exists() else [
        [sys.executable, "-m", "venv", "--clear", str(home)], [*pip, *peer.packages],
    ]  # fmt: skip
    try:
        for step in steps:
            subprocess.run(step, check=True, capture_output=True, timeout=SECONDS)
        (home / "installed").touch()
        ran = subprocess.run(
            [python, peer.script], check=True, capture_output=True, text=True, timeout=SECONDS
        )
    except (subprocess.SubprocessError, OSError) as error:
        return f"{peer.name:12} was not measured: {_why(error)}"
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    low, middle, high = found["ratios"]
    limit, own = found["sides"]
    sides = f"{own:.4g} beside {limit:.4g} {found['unit']}"
    return (
        f"{peer.name:12}{found['version']:12}{middle:8.3g} times ({low:.3g} to {high:.3g})  {sides}"
    )


def _why(error: Exception) -> str:
    told = getattr(error, "stderr", None) or b""
    text = told if isinstance(told, str) else told.decode(errors="replace")
    lines = text.strip().splitlines()
    return lines[-1] if lines else f"{type(error).__name__}: {error}"


def main() -> None:
    """Print the table as it grows, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", help="names of peers")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    given = parser.parse_args()
    folder = (given.out / "peers").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [peer for peer in peers() if not given.only or peer.name in given.only]
    lines = []
    for peer in chosen:
        lines.append(measured(peer, folder))
        print(lines[-1], flush=True)
    (given.out / "peers.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
