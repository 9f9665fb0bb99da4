"""The steps of a training as tasks.

A run is handed over as it is; it is a plain object, which Prefect neither hashes nor stores.
Epochs hand on references in plain JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from training.metrics import format_metrics
from training.secrets import unspoken
from training.state import CheckpointRef

if TYPE_CHECKING:
    from training.engine import TrainingEngine
    from training.run import Session, TrainingResult, TrainingRun


@task(name="load-data", task_run_name="load-data", persist_result=False, cache_policy=NO_CACHE)
@unspoken()
def load_data(run: TrainingRun) -> dict[str, Any]:
    """Read and check the data, make features, split; what they are in plain values."""
    return run.load_data()


@task(name="create-model", task_run_name="create-model", persist_result=False)
@unspoken()
def create_model(run: TrainingRun) -> dict[str, Any]:
    """The model and its session, at the newest checkpoint that verifies or at a new first one."""
    session = run.create_model()
    return {"epoch": session.state.epoch, "batch": session.state.batch}


@task(name="train-epoch", task_run_name="train-epoch {epoch}")
@unspoken()
def train_epoch(engine: TrainingEngine, session: Session, epoch: int) -> Any:  # noqa: ANN401 - a state, whose data are the result
    """Train until this epoch is done; a reference to the staged state."""
    ref = engine.advance(session, epoch)
    return Completed(message=format_metrics(ref.metrics), data=ref.to_json())


@task(name="save-checkpoint", task_run_name="save-checkpoint {epoch}")
@unspoken()
def save_checkpoint(session: Session, epoch: int, staged: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - the epoch names the task and keys its result
    """Make the staged state durable; a reference to the committed checkpoint."""
    return session.commit(CheckpointRef(**staged)).to_json()


@task(name="evaluate-model", task_run_name="evaluate-model", persist_result=False)
@unspoken()
def evaluate_model(run: TrainingRun) -> dict[str, float]:
    """Measure the final model on the parts that were held out."""
    return run.evaluate()


@task(name="register-model", task_run_name="register-model", persist_result=False)
@unspoken()
def register_model(run: TrainingRun, metrics: dict[str, float]) -> TrainingResult:
    """Register the final model; the run is finished."""
    return run.register(metrics)
