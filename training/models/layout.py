"""Where each layer's parameters lie in one flat buffer, and what they are at the start.

One buffer makes an optimizer's step a handful of NumPy calls however many layers there are, and a
copy of all weights a single one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from training.types import Array

ActivationName: TypeAlias = Literal["relu", "tanh"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The layers of a fully connected network, by their widths.

    Attributes:
        widths: number of inputs, units of each hidden layer, number of outputs.
    """

    widths: tuple[int, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name: `layer0.weight` is (inputs, units), `layer0.bias` is (units,)."""
        shapes: dict[str, tuple[int, ...]] = {}
        for index, (inputs, units) in enumerate(pairwise(self.widths)):
            shapes[f"layer{index}.weight"] = (inputs, units)
            shapes[f"layer{index}.bias"] = (units,)
        return shapes

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum((inputs + 1) * units for inputs, units in pairwise(self.widths))

    def views(self, flat: Array) -> dict[str, Array]:
        """Each parameter as a contiguous view into `flat`, shape (`size`,)."""
        views: dict[str, Array] = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + int(np.prod(shape))
            views[name] = flat[start:stop].reshape(shape)
            start = stop
        return views

    def initial(self, activation: ActivationName, seed: int) -> Array:
        """Initial parameters, a function of layout, activation and seed alone.

        Weights of a layer that a relu follows are normal with variance 2 / inputs (He et al. 2015),
        all others uniform with variance 2 / (inputs + units) (Glorot and Bengio 2010); biases are
        0. Layers are drawn in their order by a PCG64 generator.

        Returns:
            Shape (`size`,), float64: cast it, so that one seed is one network in any precision.
        """
        random = np.random.Generator(np.random.PCG64(seed))
        flat = np.zeros(self.size)
        weights = [view for view in self.views(flat).values() if view.ndim > 1]
        for weight in weights:
            inputs, units = weight.shape
            if activation == "relu" and weight is not weights[-1]:
                weight[:] = random.standard_normal(weight.shape) * np.sqrt(2 / inputs)
            else:
                limit = np.sqrt(6 / (inputs + units))
                weight[:] = random.uniform(-limit, limit, weight.shape)
        return flat
