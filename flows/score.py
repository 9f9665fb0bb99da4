"""The flow `score`: predictions of a registered model for a table of any size.

Importing this imports Prefect; `flows.cli` does so only when a flow is to run.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from tasks.scoring import score_table
from training.scoring.table import CHUNK_ROWS


def _name() -> str:
    return f"score {flow_run.parameters['model']}"


@flow(name="score", flow_run_name=_name, persist_result=False, log_prints=False)
def score(
    model: str,
    input: str,  # noqa: A002 - the name on the form
    output: str,
    storage: str = "./artifacts",
    chunk_rows: int = CHUNK_ROWS,
    allow_expired: bool = False,  # noqa: FBT001, FBT002 - a box on the form
    trusted: list[str] | None = None,
) -> dict[str, Any]:
    """Predictions for the rows of a file; the output is there whole or not at all.

    Args:
        model: `NAME`, `NAME:VERSION` or `NAME@champion`.
        input: CSV or Parquet: a file, a folder of files, a glob.
        output: a file that ends in .parquet or .csv.
        storage: where the registry is: a folder or a URL.
        chunk_rows: rows in memory at a time; 0: all.
        allow_expired: use a model that is older than its configuration allows.
        trusted: modules of custom models and features that may be imported.

    Returns:
        What `retrain score --json` prints: model, rows, predictions, output.
    """
    options = {"chunk_rows": chunk_rows, "allow_expired": allow_expired, "trusted": trusted or ()}
    return score_table(model, input, output, storage, options)
