"""The random numbers of one model: its own, although torch has one generator a device."""

from __future__ import annotations

from typing import Any

import torch


class Randomness:
    """The state of torch's generators as this model left them.

    Within it, dropout draws on from where this model's last step ended, and whoever draws outside
    is not touched; that takes about a microsecond.
    """

    __slots__ = ("_cuda", "_cuda_outside", "_generator", "_outside", "_own")

    def __init__(self, seed: int, device: torch.device) -> None:
        """Begin as `torch.manual_seed(seed)` would."""
        self._generator = torch.default_generator
        self._outside = self._generator.get_state()
        self._own = torch.Generator().manual_seed(seed).get_state()
        self._cuda: torch.Tensor | None = None
        self._cuda_outside: torch.Tensor | None = None
        if device.type == "cuda":
            self._cuda = torch.Generator(device).manual_seed(seed).get_state()

    def __enter__(self) -> None:
        generator = self._generator
        self._outside = generator.get_state()
        generator.set_state(self._own)
        if self._cuda is not None:
            self._cuda_outside = torch.cuda.get_rng_state()
            torch.cuda.set_rng_state(self._cuda)

    def __exit__(self, *_: object) -> None:
        generator = self._generator
        self._own = generator.get_state()
        generator.set_state(self._outside)
        if self._cuda is not None and self._cuda_outside is not None:
            self._cuda = torch.cuda.get_rng_state()
            torch.cuda.set_rng_state(self._cuda_outside)

    def state_dict(self) -> dict[str, Any]:
        """The states as bytes, uint8."""
        known = {"cpu": self._own.numpy().copy()}
        return known if self._cuda is None else known | {"cuda": self._cuda.numpy().copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them over; the state of a device that is not used here is left aside."""
        self._own = torch.from_numpy(state["cpu"].copy())
        if self._cuda is not None and "cuda" in state:
            self._cuda = torch.from_numpy(state["cuda"].copy())
