"""What `make deploy` does, and the step of deployments/prefect.yaml that `prefect deploy` calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.code import code_version
from training.config.load import load_pipeline
from training.config.strict_yaml import parse_yaml
from training.errors import InputError, RetrainError
from training.secrets import refuse_credentials, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN = 2000
"""Characters of what Prefect printed when it failed, the last ones."""


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


def pipeline_parameters(file: str) -> dict[str, Any]:
    """A step: what the configuration file of a larger pipeline says, as that flow's parameter.

    Returns:
        `config`: with `extends` and variables filled in, but for secrets, which stay `${NAME}`.
    """
    config = load_pipeline(file)
    return {"config": config.model_dump(mode="json", by_alias=True, exclude_unset=True)}


POOL = "retrain"
PREFECT_FILE = "deployments/prefect.yaml"
AUTOMATIONS = ("deployments/automations.yaml", "deployments/notifications.yaml")
JOB_TEMPLATES = {"kubernetes": "deployments/kubernetes.json"}


def deploy(root: Path, say: Callable[[str], None]) -> None:
    """Work pool, deployments, automations, on the server that PREFECT_API_URL names.

    As often as one likes: what is there is brought up to date. RETRAIN_POOL_TYPE says what kind
    of pool is made where there is none: `process`, or `kubernetes`.

    Args:
        root: the repository's root.
        say: told each thing that was done.

    Raises:
        RetrainError: no server is named, or Prefect refused.
    """
    from flows.automations import install

    api = _api_url()
    say(f"deploying to {api}")
    if not _prefect(root, "work-pool", "inspect", POOL, check=False):
        kind = os.environ.get("RETRAIN_POOL_TYPE", "process")
        template = JOB_TEMPLATES.get(kind)
        more = ("--base-job-template", template) if template else ()
        _prefect(root, "work-pool", "create", POOL, "--type", kind, *more)
        say(f"created the work pool {POOL}, of type {kind}")
    _prefect(root, "deploy", "--all", "--prefect-file", PREFECT_FILE)
    for one in deployments_of(root):
        say(f"deployed {one}")
    for done in install(root / file for file in AUTOMATIONS):
        say(f"{done.status} the automation {done.name!r}{': ' + done.why if done.why else ''}")


def deployments_of(root: Path) -> list[str]:
    """What the file deploys, as `flow/deployment`; the names of both are the same here."""
    return [one["name"] for one in parse_yaml(root / PREFECT_FILE)["deployments"]]


def _api_url() -> str:
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if not url:
        raise InputError(
            "PREFECT_API_URL names no server, so there is none to deploy to; set it, or start all "
            "of it on this machine with `make up`"
        )
    return url


def _prefect(root: Path, *arguments: str, check: bool = True) -> bool:
    """A command of Prefect's; whether it succeeded.

    Raises:
        RetrainError: it did not, with what it printed.
    """
    done = subprocess.run(  # noqa: S603 - this Python's own Prefect
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        told = without_secrets(f"{done.stdout}\n{done.stderr}".strip()[-_SHOWN:])
        raise RetrainError(f"`prefect {' '.join(arguments)}` failed:\n{told}")
    return done.returncode == 0
