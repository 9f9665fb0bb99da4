"""Metrics: what counts as a number, means over batches, and which of two is better."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from training.errors import ConfigError, MetricError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.types import Metrics

_LOWER_IS_BETTER = ("loss", "error", "mae", "mse", "rmse", "perplexity", "drawdown", "volatility")
_HIGHER_IS_BETTER = (
    "accuracy", "auc", "f1", "precision", "recall", "r2", "score",
    "return", "reward", "sharpe", "sortino", "calmar", "hit_rate",
)  # fmt: skip


def number(name: str, value: object) -> float:
    """A metric's value as a float.

    NumPy scalars and arrays of one element are numbers; text, None and truth values are not.
    NaN and infinities are: what they mean is for the callbacks to say.

    Raises:
        MetricError: not a number.
    """
    plain = value
    if hasattr(value, "item"):  # NumPy's and torch's scalars, and arrays of one element
        with suppress(ValueError, RuntimeError):  # of several elements: the error below says it
            plain = value.item()
    if isinstance(plain, float | int) and not isinstance(plain, bool):
        return float(plain)
    raise MetricError(
        f"metric {name!r} is {value!r} ({type(value).__name__}); expected a number: return a float "
        "or a NumPy scalar, and leave out a metric that was not measured"
    )


def format_metrics(metrics: Metrics) -> str:
    """`loss 0.6931  val_loss 0.6928`, four significant digits each."""
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())


class LateMetrics(Mapping[str, float]):
    """Metrics that a device still computes: reading one waits for it, and so is put off.

    Attributes:
        together: how many are read at once.
    """

    __slots__ = ()
    together: ClassVar[int] = 256

    @classmethod
    @abstractmethod
    def read(cls, many: Sequence[LateMetrics]) -> list[dict[str, float]]:
        """Many of one kind at once, so that the device is waited for once."""


class MeanOf(float):
    """A mean over so many things that are not the batch's rows, such as episodes that ended."""

    __slots__ = ("count",)
    count: int

    def __new__(cls, value: float, count: int) -> Self:
        """A float that says how much it counts."""
        made = super().__new__(cls, value)
        made.count = count
        return made


class MetricSums:
    """Means over batches, weighted by their sizes; a metric counts where it was measured.

    A `MeanOf` counts as much as it says itself.
    """

    __slots__ = ("_late", "_totals", "_weights")

    def __init__(self) -> None:
        """Start with nothing."""
        self._totals: dict[str, float] = {}
        self._weights: dict[str, int] = {}
        self._late: list[tuple[LateMetrics, int]] = []

    def add(self, metrics: Metrics, size: int) -> None:
        """Count a batch of `size` rows. On the hot path: plain floats take the short way."""
        if type(metrics) is not dict and isinstance(metrics, LateMetrics):
            self._late.append((metrics, size))
            if len(self._late) >= metrics.together:
                self._settle()
            return
        totals, weights = self._totals, self._weights
        for name, value in metrics.items():
            if type(value) is float:
                plain, weight = value, size
            else:
                plain = number(name, value)
                weight = value.count if isinstance(value, MeanOf) else size
            if name in totals:
                totals[name] += plain * weight
                weights[name] += weight
            else:
                totals[name] = plain * weight
                weights[name] = weight

    def means(self, prefix: str = "") -> dict[str, float]:
        """The means so far; a metric that no batch had is not there."""
        self._settle()
        return {
            prefix + name: total / self._weights[name]
            for name, total in self._totals.items()
            if self._weights[name]
        }

    def state_dict(self) -> dict[str, Any]:
        """The sums so far, for a checkpoint inside an epoch."""
        self._settle()
        return {"totals": dict(self._totals), "weights": dict(self._weights)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from sums that `state_dict` gave."""
        self._late = []
        self._totals = dict(state["totals"])
        self._weights = dict(state["weights"])

    def _settle(self) -> None:
        """Count what was put off, in the order in which it came."""
        late, self._late = self._late, []
        if late:
            read = type(late[0][0]).read([metrics for metrics, _ in late])
            for metrics, (_, size) in zip(read, late, strict=True):
                self.add(metrics, size)


class Monitor:
    """A metric that is watched, and which of two values of it is better."""

    def __init__(self, name: str, mode: Literal["auto", "min", "max"] = "auto") -> None:
        """Watch `name`; with `mode="auto"` its name says whether lower is better.

        Raises:
            MetricError: the name does not say it.
        """
        self.name = name
        self.lower_is_better = _lower_is_better(name) if mode == "auto" else mode == "min"

    def better(self, value: float, than: float | None, by: float = 0.0) -> bool:
        """Whether `value` is better than another by more than `by`; NaN never is."""
        if math.isnan(value):
            return False
        if than is None or math.isnan(than):
            return True
        return value < than - by if self.lower_is_better else value > than + by

    def value(self, metrics: Metrics) -> float:
        """The watched metric's value.

        Raises:
            MetricError: it was not measured.
        """
        if self.name not in metrics:
            raise MetricError(
                f"the metric {self.name!r} is watched but not measured; "
                f"{did_you_mean(self.name, metrics)}"
            )
        return metrics[self.name]


def _lower_is_better(name: str) -> bool:
    if _has_word(name, _LOWER_IS_BETTER):
        return True
    if _has_word(name, _HIGHER_IS_BETTER):
        return False
    raise ConfigError(
        f"the name {name!r} does not say whether lower or higher is better; "
        "say it with mode: min or mode: max"
    )


def _has_word(name: str, words: Iterable[str]) -> bool:
    return any(word in name for word in words)
