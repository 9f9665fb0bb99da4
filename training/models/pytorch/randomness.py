"""The random numbers of one model: its own, although torch has one generator a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from training.types import Array


class Randomness:
    """The state of torch's generators as this model left them.

    Within it, dropout draws on from where this model's last step ended, and whoever draws outside
    is not touched; that takes about a microsecond.
    """

    __slots__ = ("_cuda", "_cuda_outside", "_device", "_generator", "_outside", "_own")

    def __init__(self, seed: int, device: torch.device) -> None:
        """Begin as `torch.manual_seed(seed)` would."""
        self._generator, self._device = torch.default_generator, device
        self._outside = self._generator.get_state()
        self._cuda_outside: torch.Tensor | None = None
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin again, from another seed."""
        self._own = torch.Generator().manual_seed(seed).get_state()
        self._cuda: torch.Tensor | None = None
        if self._device.type == "cuda":
            self._cuda = torch.Generator(self._device).manual_seed(seed).get_state()

    def __enter__(self) -> None:
        generator = self._generator
        self._outside = generator.get_state()
        generator.set_state(self._own)
        if self._cuda is not None:
            self._cuda_outside = torch.cuda.get_rng_state(self._device)
            torch.cuda.set_rng_state(self._cuda, self._device)

    def __exit__(self, *_: object) -> None:
        generator = self._generator
        self._own = generator.get_state()
        generator.set_state(self._outside)
        if self._cuda is not None and self._cuda_outside is not None:
            self._cuda = torch.cuda.get_rng_state(self._device)
            torch.cuda.set_rng_state(self._cuda_outside, self._device)

    def state_dict(self) -> dict[str, Any]:
        """The states as bytes, uint8."""
        known = {"cpu": self._own.numpy().copy()}
        return known if self._cuda is None else known | {"cuda": self._cuda.numpy().copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them over; the state of a device that is not used here is left aside."""
        self._own = torch.from_numpy(state["cpu"].copy())
        if self._cuda is not None and "cuda" in state:
            self._cuda = torch.from_numpy(state["cuda"].copy())

    def to_bytes(self) -> Array:
        """All states in one array, uint8, of the same length in processes on the same devices."""
        return np.concatenate(list(self.state_dict().values()))

    def load_bytes(self, data: Array) -> None:
        """Take over what `to_bytes` gave."""
        length = self._own.numel()
        rest = {"cuda": data[length:]} if len(data) > length else {}
        self.load_state_dict({"cpu": data[:length], **rest})
