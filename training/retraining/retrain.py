"""One retraining from its data to its outcome, in plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.engine import TrainingEngine

if TYPE_CHECKING:
    from training.retraining.retraining import Retraining
    from training.run import TrainingRun
    from training.run.start import Start


def retrain(retraining: Retraining) -> dict[str, Any]:
    """Validate, train, decide, promote, report; the same call again goes on, or does nothing.

    Returns:
        What `retrain update --json` prints.

    Raises:
        InputError: data or configuration are wrong; nothing was written.
        TrainingError: the training failed.
        StorageError: the storage failed.
    """
    retraining.validate()
    if retraining.skipped:
        return retraining.skip()
    run = retraining.run
    with run.held() as start:
        retraining.begin()
        _train(run, start)
        for other in retraining.others:
            with other.held() as begun:
                _train(other, begun)
        retraining.decide()
        return retraining.finish(retraining.promote())


def _train(run: TrainingRun, start: Start) -> None:
    if start.is_complete:
        run.completed()
    else:
        TrainingEngine().train_held(run)
