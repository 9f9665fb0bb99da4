"""What `prefect deploy` asks of us: a step of deployments/prefect.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from flows.code import code_version
from training.secrets import refuse_credentials


def place() -> dict[str, str]:
    """Where a worker finds code and storage, and which code it is, for the templates.

    Returns:
        `home`: RETRAIN_HOME, else this folder; `storage`: RETRAIN_STORAGE, else `artifacts` there;
        `code`: a digest, the version of each deployment.

    Raises:
        InputError: the storage's URL has a password in it.
    """
    home = os.environ.get("RETRAIN_HOME") or str(Path.cwd())
    storage = os.environ.get("RETRAIN_STORAGE") or f"{home}/artifacts"
    refuse_credentials(storage)
    if "://" not in storage:
        storage = str(Path(home, storage))  # relative to where the worker is, not to whoever runs
    return {"home": home, "storage": storage, "code": code_version()}
