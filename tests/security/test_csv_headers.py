"""Names of columns that somebody else chose: refused with the file's name, or a name like any."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.config import DataConfig
from training.data import DataManager
from training.engine import TrainingEngine
from training.errors import DataError, RetrainError

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = {
    "leaves the storage": "../../victim",
    "an absolute path": "/etc/passwd",
    "a hidden file": ".stage/x",
    "our own key": "$array",
    "a key of the file of weights": "__metadata__",
    "a tilde and a slash": "~0/~1",
    "a Python object": "!!python/object/apply:os.mkdir [executed]",
    "an attribute": "__class__.__init__.__globals__",
    "a format": "{0.__class__}%s%(x)s",
    "a template": "${HOME}",
    "a formula": "=cmd|' /C calc'!A0",
    "a terminal's escape": "\x1b[2J\x1b]0;x\x07",
    "markup": "<script>alert(1)</script>",
    "a table's end": "a | b |\n| --- | --- |",
    "right to left": "\u202ecba",
    "full width": "\uff0e\uff0e\uff0fa",
    "nothing to see": "\u200b",
    "a NUL": "a\x00b",
    "half a pair": "\ud800",
    "of a megabyte": "x" * 2**20,
    "a byte order": "\ufeffb",
    "empty": "",
    "a number": "1e999",
    "nan": "nan",
    "the target's": "y",
}
ROWS = 80
MEMORY = 64 * 2**20


def csv(header: str) -> bytes:
    """A table whose second column has that name."""
    random = np.random.default_rng(5)
    quoted = header.replace('"', '""')
    lines = [f'a,"{quoted}",y', *(f"{x},{y},{x - y}" for x, y in random.normal(size=(ROWS, 2)))]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_no_name_of_a_column_does_harm(
    header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on and stored; or refused by an error that names the file."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    (place / "prices.csv").write_bytes(csv(header))
    data: dict[str, Any] = {
        "source": {"type": "csv", "path": "prices.csv"},
        "features": [{"type": "columns"}],
        "target": {"type": "column", "column": "y"},
    }
    said = "prices.csv"
    tracemalloc.start()
    try:
        manager = DataManager(DataConfig.model_validate(data))
        training = {"epochs": 1, "batch_size": 16}
        engine = TrainingEngine(place / "storage")
        engine.train({"type": "linear"}, manager, training)
    except RetrainError as error:
        said = str(error)
    else:
        assert ArtifactStore(place / "storage").verify().problems == []
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MEMORY
    assert "prices.csv" in said
    assert len(said) < 5_000
    assert {path.name for path in place.iterdir()} <= {"prices.csv", "storage"}
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_a_long_name_is_not_repeated_whole(tmp_path: Path) -> None:
    """Where a column is missing, those that are there are told."""
    (tmp_path / "prices.csv").write_bytes(csv("x" * 2**20))
    source = {"type": "csv", "path": str(tmp_path / "prices.csv")}
    target = {"type": "column", "column": "z"}
    features = [{"type": "columns"}]
    config = DataConfig.model_validate({"source": source, "target": target, "features": features})
    with pytest.raises(
        DataError, match=r"prices\.csv: has no column 'z'.*known: a, x{80}…"
    ) as told:
        DataManager(config).get_data()
    assert len(str(told.value)) < 1_000
