"""A fully connected network: forward, backward, and the buffers that both work in.

Every product and every activation is written into memory that exists already: nothing is allocated
and nothing is copied in a step. `a.dot(b, out)` is used instead of `a @ b`, since its overhead is a
third for small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from training.models.layout import ActivationName, Layout
    from training.types import Array


class Activation(Protocol):
    """A function between two layers."""

    def __call__(self, z: Array, slope: Array) -> None:
        """Apply it to `z` in place, and write its derivative there into `slope`."""
        ...


class Relu:
    """max(z, 0), with derivative 0 at 0; NaN stays NaN."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        """Work on arrays of `dtype`."""
        # NumPy takes an array without dimensions faster than a Python number.
        self._zero = np.zeros((), dtype)

    def __call__(self, z: Array, slope: Array) -> None:
        """Apply it in place."""
        np.greater(z, self._zero, slope)
        np.multiply(z, slope, z)


class Tanh:
    """tanh(z)."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        """Work on arrays of `dtype`."""
        self._one = np.ones((), dtype)

    def __call__(self, z: Array, slope: Array) -> None:
        """Apply it in place."""
        np.tanh(z, z)
        np.square(z, slope)
        np.subtract(self._one, slope, slope)


_ACTIVATIONS: dict[ActivationName, type[Relu | Tanh]] = {"relu": Relu, "tanh": Tanh}


@dataclass(frozen=True, slots=True)
class _Layer:
    """Views of one layer's parameters and of their gradients."""

    weight: Array
    weight_transposed: Array
    bias: Array
    weight_gradient: Array
    bias_gradient: Array


class Buffers:
    """What a pass over a number of rows is computed in.

    Attributes:
        outputs: of the last layer, shape (rows, outputs), before any link function.
    """

    __slots__ = ("activations", "deltas", "ones", "outputs", "slopes", "transposed")

    def __init__(self, rows: int, widths: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Allocate for `rows` rows of a network with these widths."""
        hidden, outputs = widths[1:-1], widths[-1]
        self.outputs: Array = np.empty((rows, outputs), dtype)
        self.activations: list[Array] = [np.empty((rows, units), dtype) for units in hidden]
        self.transposed: list[Array] = [activation.T for activation in self.activations]
        self.slopes: list[Array] = [np.empty((rows, units), dtype) for units in hidden]
        self.deltas: list[Array] = [np.empty((rows, units), dtype) for units in hidden]
        self.ones: Array = np.ones(rows, dtype)


class Network:
    """Layers with an activation between them, and none after the last.

    Attributes:
        parameters: all weights and biases, shape (layout.size,); updated in place.
        gradient: of the loss by each of them, where `backward` leaves it.
    """

    def __init__(
        self, layout: Layout, activation: ActivationName, dtype: np.dtype[Any], seed: int
    ) -> None:
        """Start with the initial parameters that follow from `seed`."""
        self.layout = layout
        self.parameters: Array = layout.initial(activation, seed).astype(dtype)
        self.gradient: Array = np.zeros_like(self.parameters)
        self._activate: Activation = _ACTIVATIONS[activation](dtype)
        views, gradients = layout.views(self.parameters), layout.views(self.gradient)
        layers = [
            _Layer(
                weight=views[f"layer{index}.weight"],
                weight_transposed=views[f"layer{index}.weight"].T,
                bias=views[f"layer{index}.bias"],
                weight_gradient=gradients[f"layer{index}.weight"],
                bias_gradient=gradients[f"layer{index}.bias"],
            )
            for index in range(len(layout.widths) - 1)
        ]
        self._hidden, self._last = layers[:-1], layers[-1]

    def buffers(self, rows: int) -> Buffers:
        """Memory for passes over `rows` rows."""
        return Buffers(rows, self.layout.widths, self.parameters.dtype)

    def forward(self, x: Array, buffers: Buffers) -> None:
        """Compute `buffers.outputs` from inputs of shape (rows, inputs)."""
        activation = x
        for layer, z, slope in zip(self._hidden, buffers.activations, buffers.slopes, strict=True):
            activation.dot(layer.weight, z)
            np.add(z, layer.bias, z)
            self._activate(z, slope)
            activation = z
        activation.dot(self._last.weight, buffers.outputs)
        np.add(buffers.outputs, self._last.bias, buffers.outputs)

    def backward(self, x: Array, buffers: Buffers, delta: Array) -> None:
        """Compute `gradient`, after `forward` with the same inputs and buffers.

        Args:
            x: inputs, shape (rows, inputs).
            buffers: as `forward` left them.
            delta: derivative of the loss by the outputs, shape (rows, outputs).
        """
        layer = self._last
        for index in range(len(self._hidden) - 1, -1, -1):
            buffers.transposed[index].dot(delta, layer.weight_gradient)
            buffers.ones.dot(delta, layer.bias_gradient)
            below = buffers.deltas[index]
            delta.dot(layer.weight_transposed, below)
            np.multiply(below, buffers.slopes[index], below)
            layer, delta = self._hidden[index], below
        x.T.dot(delta, layer.weight_gradient)
        buffers.ones.dot(delta, layer.bias_gradient)
