"""The random numbers of one agent: its own, although its library draws from everybody's.

Stable-Baselines3 draws from the global generators of torch and NumPy, and an environment may draw
from that of Python too. Here they are an agent's own while it acts and learns, and are put back as
they were found.
"""

from __future__ import annotations

import ctypes
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from training.models.pytorch.randomness import Randomness

if TYPE_CHECKING:
    import torch

_STATE_BYTES = 2500  # of MT19937: 624 words, and how many of them are used up
_LARGEST_SEED = 2**32


class AgentRandomness:
    """The states of the global generators as this agent left them.

    To exchange NumPy's generator takes a microsecond where reading out its state would take 60, and
    Python's 20, so that is left alone where the environment is known not to draw from it.

    NumPy keeps the second of two normal numbers that it made at once: nobody else's is lost, but an
    agent's own is at the end of a batch (which only matters to an environment that draws such
    numbers from `numpy.random` itself).
    """

    def __init__(self, seed: int, device: torch.device, *, python: bool) -> None:
        """Begin as Stable-Baselines3's `set_random_seed(seed)` would.

        Args:
            seed: of all of them.
            device: whose generator is used.
            python: whether Python's own is needed.
        """
        self._torch = Randomness(seed % _LARGEST_SEED, device)
        self._numpy: Any = np.random.MT19937()
        self._python = random.Random(seed % _LARGEST_SEED).getstate() if python else None  # noqa: S311 - as the library seeds it
        self._found: Any = None
        self._left = b""
        self._kept: Any = None
        self._python_outside: Any = None
        with self:
            np.random.seed(seed % _LARGEST_SEED)  # noqa: NPY002 - of the generator that is ours

    def __enter__(self) -> None:
        outside = np.random.get_bit_generator()  # type: ignore[attr-defined] # the stubs lack it
        untouched = outside is self._found and _bytes(outside) == self._left
        self._kept = None if untouched else _with_a_normal_kept()
        self._found = outside
        np.random.set_bit_generator(self._numpy)  # type: ignore[attr-defined] # as above
        self._torch.__enter__()
        if self._python is not None:
            self._python_outside = random.getstate()
            random.setstate(self._python)

    def __exit__(self, *error: object) -> None:
        if self._python is not None:
            self._python = random.getstate()
            random.setstate(self._python_outside)
        self._torch.__exit__(*error)
        np.random.set_bit_generator(self._found)  # type: ignore[attr-defined] # as above
        if self._kept is not None:
            np.random.set_state(self._kept)  # noqa: NPY002 - whoever draws from it goes on
            self._left = b""  # a normal number is kept there, which the bytes do not show
        else:
            self._left = _bytes(self._found)

    def state_dict(self) -> dict[str, Any]:
        """The states, as arrays and plain values."""
        state = self._numpy.state["state"]
        known = {
            "torch": self._torch.state_dict(),
            "numpy": {"key": state["key"].copy(), "pos": int(state["pos"])},
        }
        if self._python is not None:
            version, words, normal = self._python
            known["python"] = {
                "version": version,
                "words": np.array(words, np.int64),
                "normal": normal,
            }
        return known

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them over."""
        self._torch.load_state_dict(state["torch"])
        key, pos = state["numpy"]["key"], state["numpy"]["pos"]
        self._numpy.state = {
            "bit_generator": "MT19937",
            "state": {"key": key.copy(), "pos": pos},
        }
        if self._python is not None and "python" in state:
            known = state["python"]
            self._python = (
                known["version"],
                tuple(map(int, known["words"])),
                known["normal"],
            )


def _bytes(generator: Any) -> bytes:  # noqa: ANN401 - NumPy types it as an interface only
    """The state of NumPy's usual global generator, as it lies in memory; of another, nothing."""
    if type(generator) is not np.random.MT19937:
        return b""
    return ctypes.string_at(generator.ctypes.state_address, _STATE_BYTES)


def _with_a_normal_kept() -> Any:  # noqa: ANN401 - NumPy's own dict
    """The whole state of NumPy's global generator, if it keeps a normal number that it made."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - it is looked at, not used
    return state if state["has_gauss"] else None
