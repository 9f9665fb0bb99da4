"""Where a network runs, and in which precision."""

from __future__ import annotations

import os

import torch

from training.errors import ConfigError


def choose_device(name: str, dtype: str) -> torch.device:
    """The device that a configuration names; `auto` is CUDA, else MPS, else the CPU.

    Args:
        name: `auto`, `cpu`, `mps`, `cuda` or `cuda:1`.
        dtype: of the data; MPS has no float64, so `auto` does not choose it then.

    Raises:
        ConfigError: it is not there, or has no such numbers.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps and dtype == "float32" else "cpu"
    if name == "mps" and dtype == "float64":
        raise ConfigError("model.device = 'mps' has no float64; set data.dtype: float32, or cpu")
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # one GPU for each process of a launcher
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    device = torch.device(name)
    there = {"cpu": True, "cuda": cuda, "mps": mps}[device.type]
    if there and device.type == "cuda":
        there = (device.index or 0) < torch.cuda.device_count()
    if not there:
        raise ConfigError(
            f"model.device = {name!r} is not there; use auto or cpu, or check the driver with "
            "python -c 'import torch; print(torch.cuda.is_available())'"
        )
    return device
