"""The files in deployments/: what can be known of them without Docker and Kubernetes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.automations import _read
from flows.doctor.server import CRASHED, HOPELESS, OVERLOOKED, VANISHED
from training.config.load import load_config, load_pipeline
from training.config.root import ExecutionConfig

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deployments"
SERVICE_KEYS = {
    "build",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "ports",
    "restart",
    "stop_grace_period",
    "user",
    "volumes",
}
"""Those that are used, of the keys that compose knows; a slip of the pen is none of them."""


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return found


def _dockerfile() -> list[str]:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _grace() -> float:
    return ExecutionConfig().grace_seconds


def test_the_image_has_all_that_runs_and_nothing_that_is_not_there() -> None:
    copied = [line.split()[1:-1] for line in _dockerfile() if line.startswith("COPY ")]
    sources = {name for names in copied for name in names}
    assert sources >= {"training", "tasks", "flows", "configs", "deployments", "constraints.txt"}
    for name in sources:
        assert (ROOT / name).exists(), name
    installs = [line for line in _dockerfile() if "pip install" in line]
    assert all(line.count("--constraint constraints.txt") == line.count("pip install")
               for line in installs)  # fmt: skip


def test_sigterm_reaches_the_run_in_a_container() -> None:
    """And there is time for its checkpoint before SIGKILL."""
    assert 'ENTRYPOINT ["tini", "-g", "--"]' in _dockerfile()
    seconds = float(_compose()["services"]["worker"]["stop_grace_period"].removesuffix("s"))
    assert seconds > _grace() + 10


def test_services_know_only_each_other_and_keys_of_compose() -> None:
    services = _compose()["services"]
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("depends_on", ())) <= set(services), name
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other
    named = {
        volume.partition(":")[0] for one in services.values() for volume in one.get("volumes", ())
    }
    assert named == set(_compose()["volumes"])


def test_no_secret_stands_in_a_file() -> None:
    """Every password is a variable without a default."""
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    for value in re.findall(r"(?:PASSWORD|KEY|KEY_ID|USER): (.+)", text):
        assert value == "prefect" or re.fullmatch(r"\$\{\w+:\?in \.env\}", value), value


def test_a_pod_has_the_time_for_a_checkpoint() -> None:
    template = json.loads((FOLDER / "kubernetes.json").read_text(encoding="utf-8"))
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == "{{ termination_grace_period_seconds }}"
    variables = template["variables"]["properties"]
    assert variables["termination_grace_period_seconds"]["default"] > _grace() + 10
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used <= set(variables)


def test_deployments_name_flows_and_configurations_that_are_there() -> None:
    for one in yaml.safe_load((FOLDER / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]:
        path, _, function = one["entrypoint"].partition(":")
        assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8")
        assert "retrain" in one["tags"]
        parameters = one["parameters"]
        if "config_file" in parameters:
            load_config(ROOT / parameters["config_file"], parameters.get("overrides", ()))
        for schedule in one.get("schedules", ()):
            assert schedule["timezone"]
    load_pipeline(ROOT / "configs/pipeline.yaml")


@pytest.mark.parametrize("name", ["automations", "notifications"])
def test_automations_are_such_as_prefect_takes(name: str) -> None:
    assert _read(FOLDER / f"{name}.yaml")


def test_the_doctor_looks_for_the_automations_that_are_shipped() -> None:
    names = {one["name"] for one in _read(FOLDER / "automations.yaml")}
    assert names == {CRASHED, HOPELESS, OVERLOOKED, VANISHED}
