"""What bit-identity is promised for: versions, machine, threads; kept in each checkpoint."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_LIBRARIES = ("numpy", "pandas", "pyarrow", "safetensors", "scikit-learn", "torch")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE")


def environment() -> dict[str, Any]:
    """Of this process."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count() or 0,
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def differences(then: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """What changed, such as `libraries.numpy 2.4.5 -> 2.4.6`."""
    lines: list[str] = []
    for key in sorted(set(then) | set(now)):
        old, new = then.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            lines += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"{prefix}{key} {_word(old)} -> {_word(new)}")
    return lines


def _word(value: object) -> str:
    return "none" if value is None else str(value)


@cache  # reading it takes a millisecond, and what is imported does not change
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
