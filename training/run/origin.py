"""Beginning with the weights of a registered version, on whatever data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.errors import ConfigError

if TYPE_CHECKING:
    from training.registry import ModelVersion
    from training.run.run import TrainingRun


def origin_of(run: TrainingRun, reference: str) -> str:
    """The digest of the weights that a run begins with: part of what the run is.

    Raises:
        NotFoundError: there is no such version.
        ConfigError: its weights do not fit this model.
    """
    version = run.registry.get(reference)
    _require_fit(run, version)
    return version.digest


def begin_with(run: TrainingRun, reference: str) -> None:
    """Put a version's weights into the new model; optimizer and callbacks start clean.

    Raises:
        IntegrityError: its bytes are not what its manifest says.
    """
    run.session.model.load_state_dict(
        {"weights": run.registry.weights(run.registry.get(reference))}
    )


def _require_fit(run: TrainingRun, version: ModelVersion) -> None:
    """The same model behind the same features; how it is trained may differ."""
    config = run.config.model_dump(mode="json", by_alias=True)
    theirs, ours = version.card["config"], config
    for section, old, new in (
        ("model", theirs["model"], ours["model"]),
        ("data.features", list(version.card["features"]), list(run.data.features)),
        ("data.dtype", theirs["data"]["dtype"], ours["data"]["dtype"]),
    ):
        if old != new:
            raise ConfigError(
                f"{version} cannot be started from: its {section} is {old}, and this run's is "
                f"{new}; put that back as it was, or start fresh (retraining.start: fresh)"
            )
