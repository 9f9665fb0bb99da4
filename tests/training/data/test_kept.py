"""Tables kept in the storage: found by their values, and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.data.kept import FILE, NAME, keep_table, kept_table, kept_tables
from training.errors import IntegrityError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.data import DataManager

    Manage = Callable[..., DataManager]


@pytest.mark.parametrize("url", ["disk", "memory://kept/tables"])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_kept_table_makes_the_same_data(
    url: str, zone: str | None, prices: pd.DataFrame, manage: Manage, tmp_path: Path
) -> None:
    """Times, zones, text and numbers come back as they were, and so do inputs and labels."""
    store = ArtifactStore(tmp_path / url if url == "disk" else f"{url}-{zone}".lower())
    frame = prices.assign(note="x", date=prices["date"].dt.tz_localize(zone))
    manager = manage(frame)
    table = manager.load()
    keep_table(store, table, {"source": "a test"})
    again = kept_table(store, table.fingerprint)
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert again.description == table.description
    expected, found = manager.get_data(table), manager.get_data(again)
    assert found.fingerprint == expected.fingerprint
    assert found.train.x.tobytes() == expected.train.x.tobytes()


def test_the_same_rows_are_kept_once(prices: pd.DataFrame, manage: Manage, tmp_path: Path) -> None:
    """Whatever they were loaded from; other rows are another table, and all can be listed."""
    store = ArtifactStore(tmp_path / "storage")
    prices.to_csv("prices.csv", index=False)
    first = keep_table(store, manage(prices).load(), {"from": "frame"})
    source = {"type": "csv", "path": "prices.csv"}
    assert keep_table(store, manage(source=source).load(), {"from": "csv"}) == first
    keep_table(store, manage(prices[:-1]).load())
    rows = {row["path"]: row for row in kept_tables(store)}
    assert len(rows) == 2
    assert rows[first]["lineage"] == {"from": "frame"}
    assert {row["description"]["rows"] for row in rows.values()} == {59, 60}


def test_what_is_not_kept_is_said(prices: pd.DataFrame, manage: Manage, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "storage")
    with pytest.raises(NotFoundError, match="load it from its source"):
        kept_table(store, manage(prices).load().fingerprint)
    assert kept_tables(store) == []


def test_other_rows_under_its_name_are_refused(
    prices: pd.DataFrame, manage: Manage, tmp_path: Path
) -> None:
    """The name is no proof, and neither is a manifest that fits: the values are."""
    store = ArtifactStore(tmp_path / "storage")
    table, other = manage(prices).load(), manage(prices[:-1]).load()
    keep_table(store, other)
    path = keep_table(store, other)
    forged = {"time": "date", "description": {}}
    place = f"data/tables/{table.fingerprint[NAME]}"
    store.commit(place, {FILE: bytes(store.read(path, FILE))}, forged)
    with pytest.raises(IntegrityError, match="and not"):
        kept_table(store, table.fingerprint)
