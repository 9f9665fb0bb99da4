"""The flow `score`: predictions of a registered model for a table of any size.

Importing this imports Prefect; `flows.cli` does so only when a flow is to run.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.asked import in_words
from flows.form import Names  # noqa: TC001 - as below
from flows.leader import emit_after_crash
from tasks.scoring import score_table
from training.config.base import Count  # noqa: TC001 - Prefect reads the flow's types when it runs
from training.scoring.table import CHUNK_ROWS


def _name() -> str:
    return f"score {flow_run.parameters['model']}"


@flow(
    name="score",
    flow_run_name=_name,
    on_crashed=[emit_after_crash],
    persist_result=False,
    log_prints=False,
)
@in_words
def score(
    model: str,
    input: str,  # noqa: A002 - the name on the form
    output: str,
    storage: str = "./artifacts",
    chunk_rows: Count = CHUNK_ROWS,
    allow_expired: bool = False,  # noqa: FBT001, FBT002 - a box on the form
    trusted: Names = (),
) -> dict[str, Any]:
    """Predictions for the rows of a file; the output is there whole or not at all.

    Args:
        model: A registered model: NAME, NAME:VERSION or NAME@champion.
        input: The rows, CSV or Parquet: a file, a folder of files, a glob; any fsspec URL.
        output: A file that ends in .parquet or .csv.
        storage: Where the registry is: a folder or a URL.
        chunk_rows: Rows in memory at a time; 0: all.
        allow_expired: Use a model that is older than its configuration allows.
        trusted: Modules of custom models and features that may be imported.

    Returns:
        What `retrain score --json` prints: model, rows, predictions, output.
    """
    options = {"chunk_rows": chunk_rows, "allow_expired": allow_expired, "trusted": trusted}
    return score_table(model, input, output, storage, options)
