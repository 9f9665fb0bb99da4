"""Our pipeline by `run_deployment`: their flow asks, a worker in our environment does the work.

    python by_deployment.py 2001-06-29

Nothing of this project is imported: the environments need not have a single package in common.
"""

from __future__ import annotations

import sys
from typing import Any

from prefect import flow, task
from prefect.deployments import run_deployment


@task
def load(as_of: str) -> str:
    """Stands for an ETL of somebody else's, which leaves the rows where our deployment reads."""
    return as_of


@flow(name="their-etl-by-deployment")
def etl(as_of: str) -> str:
    """Load, then have it trained and published; in the UI that run stands within this one."""
    run: Any = run_deployment("pipeline/pipeline", parameters={"as_of": load(as_of)}, timeout=600)
    if not run.state.is_completed():
        raise RuntimeError(f"{run.name} is {run.state.name}: {run.state.message}")
    return str(run.id)


if __name__ == "__main__":
    print(etl(sys.argv[1]))
