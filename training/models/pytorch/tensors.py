"""What PyTorch remembers as arrays and plain values, all copies, and back.

A tensor in bfloat16, which NumPy does not know, is kept as the same bits in int16, and told by
{"bfloat16": array}; a dict whose keys are no text is {"pairs": [[key, value], …]}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.errors import ConfigError

if TYPE_CHECKING:
    from training.types import Array

_PLAIN = (bool, int, float, str, type(None))


def to_tree(value: Any, path: str) -> Any:  # noqa: ANN401 - any state
    """Tensors as arrays, tuples as lists; what is callable was configured, and is left out.

    Args:
        value: a state of a module, an optimizer or a schedule.
        path: where it stands, for messages.

    Raises:
        ConfigError: something in it cannot be stored; its place is named.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, torch.Tensor):
        return _to_array(value, path)
    if isinstance(value, np.ndarray | np.generic):
        return np.array(value)
    if isinstance(value, list | tuple):
        return [to_tree(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if not callable(item)}
        if all(isinstance(key, str) for key in kept):
            return {key: to_tree(item, f"{path}.{key}") for key, item in kept.items()}
        pairs = [[key, to_tree(item, f"{path}.{key}")] for key, item in kept.items()]
        return {"pairs": pairs}
    kind = type(value)
    raise ConfigError(
        f"{path} is a {kind.__module__}.{kind.__qualname__}, which cannot be stored without pickle"
    )


def from_tree(value: Any) -> Any:  # noqa: ANN401 - any state
    """What `to_tree` was given, with lists for tuples, in memory of its own."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, list):
        return [from_tree(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"bfloat16"}:
            return torch.from_numpy(value["bfloat16"].copy()).view(torch.bfloat16)
        if value.keys() == {"pairs"}:
            return {key: from_tree(item) for key, item in value["pairs"]}
        return {key: from_tree(item) for key, item in value.items()}
    return value


def _to_array(tensor: torch.Tensor, path: str) -> Array | dict[str, Array]:
    plain = tensor.detach()
    if plain.dtype is torch.bfloat16:
        return {"bfloat16": _copied(plain.view(torch.int16))}
    if plain.is_complex() or plain.is_sparse or plain.is_quantized:
        raise ConfigError(f"{path} is a tensor of {plain.dtype}, {plain.layout}: not to be stored")
    return _copied(plain)


def _copied(tensor: torch.Tensor) -> Array:
    """In the order that it is indexed in, on the CPU."""
    array: Array = tensor.cpu().contiguous().numpy()
    return array.copy()
