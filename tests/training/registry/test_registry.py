"""The registry: versions that never change, each run registered once, loaded without its code."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.errors import ConfigError, InputError, IntegrityError, NotFoundError
from training.registry import ModelReference, ModelRegistry
from training.registry.load import load_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.run import TrainingResult
    from training.types import StateTree

    Train = Callable[..., TrainingResult]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(ArtifactStore(tmp_path / "registry"))


def _save(registry: ModelRegistry, run: str, value: float = 1.0, **more: Any) -> int:  # noqa: ANN401 - a card
    weights: dict[str, StateTree] = {"w": np.full(3, value)}
    card = {"run_id": run, "metrics": {"loss": value}} | more
    return registry.save_model("m", weights, {"scaler": "none"}, card).version


def test_versions_count_from_one(registry: ModelRegistry) -> None:
    assert [_save(registry, f"run-{number}", number) for number in range(3)] == [1, 2, 3]
    assert registry.numbers("m") == [1, 2, 3]
    assert registry.names() == ["m"]
    assert registry.get("m").version == 3
    assert registry.get("registry://m:2").metrics == {"loss": 1}


def test_the_same_run_gives_the_same_version(registry: ModelRegistry) -> None:
    assert [_save(registry, "a"), _save(registry, "b"), _save(registry, "a")] == [1, 2, 1]
    assert registry.numbers("m") == [1, 2]


def test_a_version_never_changes(registry: ModelRegistry) -> None:
    _save(registry, "a", note="first")
    _save(registry, "a", note="second")
    assert registry.get("m:1").card["note"] == "first"


class _DiesAt(ArtifactStore):
    """A store whose process dies before one of its writes."""

    def __init__(self, url: Path, calls: int) -> None:
        super().__init__(url)
        self.left = calls

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def create(self, path: str, body: Any) -> None:  # noqa: ANN401 - as in the store
        self._count()
        super().create(path, body)

    def commit(self, path: str, files: Any, metadata: Any = None) -> Any:  # noqa: ANN401 - as in the store
        self._count()
        return super().commit(path, files, metadata)


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("another", [False, True])
def test_a_registration_that_died_left_no_number_and_is_completed(
    tmp_path: Path, calls: int, another: bool
) -> None:
    """Files, number: wherever it stopped, also when another run came in between."""
    dying = ModelRegistry(_DiesAt(tmp_path / "registry", calls))
    with pytest.raises(KeyboardInterrupt):
        _save(dying, "a")
    registry = ModelRegistry(ArtifactStore(tmp_path / "registry"))
    assert registry.numbers("m") == []
    if another:
        _save(registry, "b", 2.0)
    version = _save(registry, "a")
    assert version == (2 if another else 1)
    assert registry.get(f"m:{version}").run_id == "a"
    assert len(registry.numbers("m")) == (2 if another else 1)


def test_many_at_once_lose_none_and_double_none(tmp_path: Path) -> None:
    def work(number: int) -> list[int]:
        registry = ModelRegistry(ArtifactStore(tmp_path / "registry"))
        return [_save(registry, f"run-{number}-{i}") for i in range(10)]

    with ThreadPoolExecutor(4) as pool:
        found = [version for versions in pool.map(work, range(4)) for version in versions]
    assert sorted(found) == list(range(1, 41))


@pytest.mark.parametrize(
    "text", ["../m", "m:0", "m:x", "m:-1", "a/b", "", "m\0", "m%2f..", "\uff4d"]
)
def test_a_hostile_reference_names_nothing(registry: ModelRegistry, text: str) -> None:
    with pytest.raises(NotFoundError, match="names no model"):
        registry.get(text)


def test_what_is_not_there_is_said_with_the_nearest(registry: ModelRegistry) -> None:
    _save(registry, "a")
    with pytest.raises(NotFoundError, match="known: m"):
        registry.get("mm")
    with pytest.raises(NotFoundError, match="has no version 7; it has 1 to 1"):
        registry.get("m:7")


@pytest.mark.parametrize("name", ["../m", "m/../../x", "", "a\0b", ".m"])
def test_a_hostile_name_is_refused_and_writes_nothing(
    registry: ModelRegistry, name: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        registry.save_model(name, {"w": np.ones(1)}, {}, {"run_id": "a", "metrics": {}})
    assert not [item for item in tmp_path.rglob("*") if item.is_file()]


def test_a_flipped_byte_of_the_weights_is_found_before_they_are_used(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    _save(registry, "a")
    (path,) = (tmp_path / "registry").rglob("weights.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"weights\.safetensors"):
        registry.weights(registry.get("m"))


PREDICT = """
import sys
import pandas as pd
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.registry.load import load_model
model = load_model(ModelRegistry(ArtifactStore(sys.argv[1])), "model")
predictions = model.predict(pd.read_parquet(sys.argv[2]))
print(predictions.tobytes().hex(), "prefect" in sys.modules)
"""


def test_a_fresh_process_predicts_the_same(
    train: Train, tmp_path: Path, table: pd.DataFrame
) -> None:
    train()
    table.drop(columns="y").to_parquet(tmp_path / "rows.parquet")
    here = load_model(ModelRegistry(ArtifactStore(tmp_path / "storage")), "model:1")
    arguments = [str(tmp_path / "storage"), str(tmp_path / "rows.parquet")]
    command = [sys.executable, "-c", PREDICT, *arguments]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert there == [here.predict(table).tobytes().hex(), "False"]


def test_a_stored_class_is_imported_only_when_trusted(
    tmp_path: Path, registry: ModelRegistry
) -> None:
    """A registry from elsewhere that names a class of this machine executes nothing."""
    marker = tmp_path / "executed"
    config = {"model": {"type": "subprocess:Popen", "args": ["touch", str(marker)]}}
    spec = {"inputs": 1}
    _save(registry, "a", config=config, spec=spec)
    with pytest.raises(ConfigError, match="--trust subprocess"):
        load_model(registry, "m")
    assert not marker.exists()


def test_references_read_back_as_themselves() -> None:
    for text in ("m", "m:7", "a.b-c_d:12"):
        assert str(ModelReference.parse(text)) == text
