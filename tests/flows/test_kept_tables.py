"""`retrain data`: which tables are kept, and what made them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flows.cli.app import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Retrain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def retrain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Retrain:
    """Call the command in this process."""
    monkeypatch.setenv("RETRAIN_STORAGE", str(tmp_path / "storage"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    return call


def test_a_kept_table_is_listed_and_told(retrain: Retrain, train: Callable[..., Any]) -> None:
    """Rows, source and the run that kept it; by the beginning of its name everything."""
    result = train(data={"keep": "always"})
    (kept,) = json.loads(retrain("data", "list", "--json")[1])
    name = kept["path"].rpartition("/")[2]
    assert kept["lineage"]["run_id"] == result.run_id
    code, out, _ = retrain("data", "list")
    assert code == 0
    assert name[:12] in out
    assert "400" in out
    assert json.loads(retrain("data", "show", name[:6], "--json")[1]) == kept
    assert "seen" not in kept["description"]


def test_nothing_kept_is_said(retrain: Retrain, train: Callable[..., Any]) -> None:
    train()
    assert "no tables in" in retrain("data", "list")[1]
    code, _, err = retrain("data", "show", "abc")
    assert code == 2
    assert "no table begins with 'abc'" in err
