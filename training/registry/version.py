"""What is known of a registered version, whole and in short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from training.errors import IntegrityError

if TYPE_CHECKING:
    from training.artifacts import Commit


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        name: of the model.
        version: 1, 2, 3 …
        digest: of the weights.
        card: run_id, epoch, metrics, config, spec, fingerprint, features, parent, environment.
        uri: where it lies in the store.
    """

    name: str
    version: int
    digest: str
    card: dict[str, Any]
    uri: str

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured before it was registered."""
        metrics: dict[str, float] = self.card["metrics"]
        return metrics

    @property
    def run_id(self) -> str:
        """The training that made it."""
        return str(self.card["run_id"])

    def to_json(self) -> dict[str, Any]:
        """Name, version, digest: what travels between tasks."""
        return {"name": self.name, "version": self.version, "digest": self.digest}

    def __str__(self) -> str:
        """A reference to exactly this version."""
        return f"{self.name}:{self.version}"


class ModelSummary(NamedTuple):
    """One version of a model in short, for lists.

    Attributes:
        name: of the model.
        version: 1, 2, 3 …
        digest: of the weights.
        run_id: the training that made it.
        metrics: those that are finite numbers.
        uri: where it lies in the store.
    """

    name: str
    version: int
    digest: str
    run_id: str
    metrics: dict[str, float]
    uri: str


def card_of(commit: Commit) -> dict[str, Any]:
    """The card of a version, with what every card has.

    Raises:
        IntegrityError: it is none: whoever may write there may have put anything.
    """
    card, digest = commit.metadata.get("card"), commit.metadata.get("digest")
    if isinstance(card, dict) and isinstance(digest, str) and isinstance(card.get("run_id"), str):
        metrics = card.get("metrics")
        if isinstance(metrics, dict) and all(isinstance(m, int | float) for m in metrics.values()):
            return dict(card)
    raise IntegrityError(f"{commit.path} holds no registered model; remove it")
