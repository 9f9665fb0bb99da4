"""What differs between two versions: metrics, configuration, data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.registry.version import ModelVersion

    Pairs = dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Differences:
    """Two versions side by side: the first one's value, then the second one's, by name.

    Attributes:
        first: a reference.
        second: a reference.
        metrics: all that either has; None where one has not.
        config: the keys whose values differ, such as `training.epochs`.
        data: what differs of the data: rows, first, last, columns, fingerprint.
    """

    first: str
    second: str
    metrics: Pairs
    config: Pairs
    data: Pairs

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "first": self.first,
            "second": self.second,
            "metrics": _listed(self.metrics),
            "config": _listed(self.config),
            "data": _listed(self.data),
        }


def compare(first: ModelVersion, second: ModelVersion) -> Differences:
    """Put two versions side by side."""
    names = dict.fromkeys((*first.metrics, *second.metrics))
    metrics = {name: (first.metrics.get(name), second.metrics.get(name)) for name in names}
    return Differences(
        first=str(first),
        second=str(second),
        metrics=metrics,
        config=differing(first.card.get("config"), second.card.get("config")),
        data=differing(_data(first), _data(second)),
    )


def differing(old: object, new: object, path: str = "") -> Pairs:
    """The keys whose values differ, such as `{"training.epochs": (3, 20)}`."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: Pairs = {}
        for key in dict.fromkeys((*old, *new)):
            inner = f"{path}.{key}" if path else str(key)
            found |= differing(old.get(key), new.get(key), inner)
        return found
    return {} if old == new else {path: (old, new)}


def _data(version: ModelVersion) -> dict[str, Any]:
    return {**version.card.get("data", {}), "fingerprint": version.card.get("fingerprint")}


def _listed(pairs: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: list(pair) for name, pair in pairs.items()}
