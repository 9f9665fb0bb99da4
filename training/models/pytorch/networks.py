"""Networks of our own, and any `torch.nn.Module` by name.

All take x of shape (rows, features), or (rows, window, features), and give (rows, outputs).
"""

from __future__ import annotations

from inspect import signature
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from training.config.networks import (
    CustomNetwork,
    GruNetwork,
    LstmNetwork,
    MlpNetwork,
    TcnNetwork,
    TransformerNetwork,
)
from training.errors import ConfigError, did_you_mean
from training.imports import import_class
from training.models.pytorch.tensors import to_tree

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.networks import Network
    from training.types import ModelSpec

_ACTIVATIONS: Final = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
_OWN: Final = ("torch.nn", "torch.optim")


def make_network(config: Network, spec: ModelSpec, trusted: Collection[str] | None) -> nn.Module:
    """The network that a configuration names, with weights from torch's global generator.

    Args:
        config: the section `model.network`.
        spec: number of inputs and outputs, and the window.
        trusted: modules that a `module:Class` may be imported from; None: all.

    Raises:
        ConfigError: a class that is no module, is not trusted, or refuses its arguments.
    """
    inputs, outputs = spec.inputs, spec.outputs
    match config:
        case MlpNetwork():
            return perceptron(inputs * (spec.window or 1), outputs, config)
        case LstmNetwork() | GruNetwork():
            return Recurrent(inputs, outputs, config)
        case TcnNetwork():
            return Tcn(inputs, outputs, config)
        case TransformerNetwork():
            return Transformer(spec, config)
    return _custom(config, spec, trusted)


def make(
    reference: str, where: str, trusted: Collection[str] | None, *given: object, **keys: object
) -> Any:  # noqa: ANN401 - any class
    """An object of a class that a configuration names; PyTorch's own classes are always trusted.

    Args:
        reference: `module:Class`.
        where: the key of the configuration, for messages.
        trusted: modules that may be imported from; None: all.
        given: arguments by position, which the configuration does not know.
        keys: arguments by name.

    Raises:
        ConfigError: there is no such class, or it refuses its arguments.
    """
    found = import_class(reference, None if trusted is None else (*trusted, *_OWN))
    _check_keys(reference, where, found, keys)
    try:
        return found(*given, **{key: _as_python(value) for key, value in keys.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}.type = {reference!r} was refused by its constructor: {error}"
        ) from error


def _check_keys(reference: str, where: str, found: type[Any], keys: dict[str, object]) -> None:
    arguments = signature(found).parameters
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()):
        return
    for key in keys:
        if key not in arguments:
            raise ConfigError(
                f"{where}.{key}: {reference!r} takes no such key; {did_you_mean(key, arguments)}"
            )


def _custom(config: CustomNetwork, spec: ModelSpec, trusted: Collection[str] | None) -> nn.Module:
    found = import_class(config.type, None if trusted is None else (*trusted, *_OWN))
    keys = dict(config.model_extra or {})
    if "spec" in signature(found).parameters:
        keys["spec"] = spec
    network = make(config.type, "model.network", trusted, **keys)
    if not isinstance(network, nn.Module):
        raise ConfigError(f"model.network.type = {config.type!r} is no torch.nn.Module; derive it")
    to_tree(network.state_dict(), "weights")  # what cannot be stored is said before training
    return network


def _as_python(value: object) -> object:
    """Lists of a YAML are the tuples that torch asks for (betas)."""
    return tuple(value) if isinstance(value, list) else value


def perceptron(inputs: int, outputs: int, config: MlpNetwork) -> nn.Sequential:
    """Linear layers with activations between; a window is flattened."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before, units in pairwise((inputs, *config.hidden)):
        layers += [nn.Linear(before, units), _ACTIVATIONS[config.activation]()]
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
    layers.append(nn.Linear(config.hidden[-1] if config.hidden else inputs, outputs))
    return nn.Sequential(*layers)


class Recurrent(nn.Module):  # type: ignore[misc] # torch is optional, so it has no types here
    """An LSTM or GRU; the last row's state gives the output."""

    def __init__(self, inputs: int, outputs: int, config: LstmNetwork | GruNetwork) -> None:
        """As the configuration says."""
        super().__init__()
        kind = nn.LSTM if config.type == "lstm" else nn.GRU
        between = config.dropout if config.layers > 1 else 0.0
        self.cells = kind(inputs, config.hidden, config.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (rows, window, features) to (rows, outputs)."""
        states, _ = self.cells(x)
        return self.head(self.dropout(states[:, -1]))


class Tcn(nn.Module):  # type: ignore[misc] # torch is optional, so it has no types here
    """Blocks of two causal convolutions, each block looking twice as far apart as the last."""

    def __init__(self, inputs: int, outputs: int, config: TcnNetwork) -> None:
        """As the configuration says."""
        super().__init__()
        widths = pairwise((inputs, *config.channels))
        self.blocks = nn.Sequential(
            *(
                _Block(before, after, config.kernel, 2**i, config.dropout)
                for i, (before, after) in enumerate(widths)
            )
        )
        self.head = nn.Linear(config.channels[-1], outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (rows, window, features) to (rows, outputs)."""
        return self.head(self.blocks(x.transpose(1, 2))[:, :, -1])


class _Block(nn.Module):  # type: ignore[misc] # torch is optional, so it has no types here
    """Two convolutions that see no later row, and a way around them."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.first = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self.second = nn.Conv1d(outputs, outputs, kernel, dilation=dilation)
        self.dropout = nn.Dropout(dropout)
        self.around = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = x
        for convolution in (self.first, self.second):
            padded = nn.functional.pad(z, (self.reach, 0))
            z = self.dropout(nn.functional.relu(convolution(padded)))
        return nn.functional.relu(z + self.around(x))


class Transformer(nn.Module):  # type: ignore[misc] # torch is optional, so it has no types here
    """An encoder over the window with learned places; the last row's state gives the output."""

    def __init__(self, spec: ModelSpec, config: TransformerNetwork) -> None:
        """As the configuration says."""
        super().__init__()
        self.embed = nn.Linear(spec.inputs, config.width)
        self.places = nn.Parameter(0.02 * torch.randn(spec.window or 1, config.width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width,
                config.heads,
                config.feedforward,
                config.dropout,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, spec.outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (rows, window, features) to (rows, outputs)."""
        z = self.embed(x) + self.places
        for layer in self.layers:
            z = layer(z)
        return self.head(self.norm(z[:, -1]))
