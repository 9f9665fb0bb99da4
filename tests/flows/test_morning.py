"""What a retraining shows in the UI: the decision, the morning report, links between all of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from training.config.load import parse_config

if TYPE_CHECKING:
    from pathlib import Path


def _shown(name: str) -> dict[str, list[str]]:
    """Texts of all artifacts of a model by the last part of their key, the oldest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    chosen = ArtifactFilter(key=ArtifactFilterKey(like_=f"{name}-%"))
    with get_client(sync_client=True) as client:
        found = sorted(client.read_artifacts(artifact_filter=chosen), key=lambda a: str(a.created))
    shown: dict[str, list[str]] = {}
    for artifact in found:
        shown.setdefault(str(artifact.key).removeprefix(f"{name}-"), []).append(str(artifact.data))
    return shown


def test_decision_report_and_run_link_to_each_other(server: str, tmp_path: Path) -> None:
    """Under the same keys night after night; every link leads to a page that there is."""
    from flows.retrain import retrain

    config = parse_config(
        {
            "name": "morning",
            "data": {"source": {"type": "sample", "end": "2003-01-01"}},
            "model": {"type": "logistic"},
            "training": {"epochs": 1, "batch_size": 256},
            "promotion": {"first": "promote"},
        }
    )
    nights = ("2002-06-28", "2002-07-31")
    outcomes: list[dict[str, Any]] = [
        retrain(config, storage=str(tmp_path), as_of=night) for night in nights
    ]
    shown = _shown("morning")
    assert [len(shown[what]) for what in ("decision", "morning-report", "ledger")] == [2, 2, 2]
    first, second = shown["decision"]
    assert first.startswith("# morning:1 is the new champion")
    assert "test\\_loss" in second or "test_loss" in second
    assert f"{outcomes[1]['metrics']['champion']['test_loss']:.6g}" in second
    linked = set()
    for texts in shown.values():
        linked |= set(re.findall(r"\]\(\.\./key/morning-([a-z-]+)\)", texts[-1]))
    assert linked == {"overview", "learning-curves", "metrics", "progress", "attempts", "report",
                      "decision", "morning-report", "ledger"}  # fmt: skip
    assert linked <= set(shown)
    assert f"retrain report {outcomes[1]['run_id']}" in shown["morning-report"][-1]
    assert "../../runs/flow-run/" in second
    assert server
