"""The steps of a larger pipeline as tasks: references in, references out, no table in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from training.etl import TableRef
from training.etl.predict import Mark

if TYPE_CHECKING:
    from training.etl import Pipeline


@task(name="check-pipeline", task_run_name="check-pipeline", persist_result=False)
def check_pipeline(etl: Pipeline) -> str:
    """Is there a way to the target, and the user's function? Nothing is written."""
    return etl.check()


@task(name="extract", task_run_name="extract", persist_result=False)
def extract(etl: Pipeline) -> dict[str, Any]:
    """Rows out of the source into the storage; or those that the slot began with."""
    return etl.extract().to_json()


@task(name="transform", task_run_name="transform", persist_result=False)
def transform(etl: Pipeline, rows: dict[str, Any]) -> dict[str, Any]:
    """The feature table that the user's function makes of the rows."""
    return etl.transform(TableRef(**rows)).to_json()


@task(name="model-version", task_run_name="model-version", persist_result=False)
def model_version(retrained: dict[str, Any]) -> dict[str, Any]:
    """What the retraining made of the feature table, for its lineage."""
    return {**retrained["model"], "run_id": retrained["run_id"], "status": retrained["status"]}


@task(name="predict", task_run_name="predict {reference}", persist_result=False)
def predict(etl: Pipeline, features: dict[str, Any], reference: str) -> dict[str, Any]:
    """Predictions of a version for the newest rows, kept in the storage."""
    made, mark = etl.predict(TableRef(**features), etl.registry.get(reference))
    return {"table": made.to_json(), "mark": mark._asdict()}


@task(name="publish", task_run_name="publish", persist_result=False)
def publish(etl: Pipeline, predicted: dict[str, Any]) -> dict[str, Any]:
    """Predictions out of the storage to where they are read; once for each slot."""
    mark = Mark(**predicted["mark"])
    written = etl.publish(TableRef(**predicted["table"]), mark)
    return {**predicted["mark"], "rows": predicted["table"]["rows"], "written": written}
