"""Rows from a function of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from training.config.load import parse_config
from training.data import DataManager
from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    Manage = Callable[..., DataManager]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_a_function_gives_the_rows(manage: Manage) -> None:
    """Its keys are arguments; window and columns are handed on where it wants them."""
    source = {"type": "own_sources:prices", "rows": 50, "start": "2024-01-10"}
    table = manage(source=source).load()
    assert len(table.frame) == 41
    assert table.frame["asked"][0] == "2024-01-10 00:00:00 None"
    assert table.description["source"] == "own_sources:prices"


BROKEN: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"type": "own_sources:failing"}, DataError, "raised ConnectionError('no line')"),
    ({"type": "own_sources:nothing"}, DataError, "gave a NoneType; expected a DataFrame"),
    ({"type": "own_sources:prices"}, DataError, "missing 1 required positional argument: 'rows'"),
    ({"type": "own_sources:price"}, ConfigError, "did you mean 'prices'?"),
    ({"type": "own_source:prices"}, ConfigError, "cannot be imported"),
    ({"type": "own_sources:prices", "rows": 5}, DataError, "2 rows are left of 5"),
]


@pytest.mark.parametrize(("source", "kind", "words"), BROKEN)
def test_a_function_that_fails_is_an_error_of_ours(
    source: dict[str, Any], kind: type[Exception], words: str, manage: Manage
) -> None:
    with pytest.raises(kind) as caught:
        manage(source=source).load()
    assert words in str(caught.value)


def test_a_stored_configuration_imports_trusted_modules_alone() -> None:
    """What a resumed run names is imported only if the user says so."""
    source = {"type": "own_sources:prices", "rows": 50}
    config = parse_config({"data": {"source": source}}).data
    with pytest.raises(ConfigError, match="--trust own_sources"):
        DataManager(config, trusted=[]).load()
    DataManager(config, trusted=["own_sources"]).load()
