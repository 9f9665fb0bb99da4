"""Task results: plain JSON, and a record never chooses what is executed."""

from __future__ import annotations

import base64
import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from prefect._internal.result_records import ResultRecord

from tasks.results import ResultStorage
from training.artifacts import ArtifactStore
from training.artifacts.documents import seal_at
from training.errors import RetrainError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

KEY = "run-1/train-epoch-00000001"
PLACE = f"results/{KEY}.json"


class _Executes:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._path,)


@pytest.fixture
def storage(tmp_path: Path) -> ResultStorage:
    return ResultStorage(storage=str(tmp_path / "store"))


def record(result: str, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - of a record
    """A record as Prefect writes it."""
    plain = {"serializer": {"type": "json"}, "storage_key": KEY, "prefect_version": "3.8.8"}
    return {"metadata": plain | metadata, "result": result}


def plant(storage: ResultStorage, body: dict[str, Any]) -> None:
    """Write what an attacker wants, under a right seal."""
    ArtifactStore(storage.storage).create("results/run-1/x", {})
    file = f"{storage.storage}/{PLACE}"
    with open(file, "wb") as opened:  # noqa: PTH123 - a path in a text
        opened.write(seal_at(PLACE, body))


def test_a_record_comes_back_with_plain_values(storage: ResultStorage) -> None:
    """Written by Prefect's own class, read by it."""
    value = {"epoch": 1, "metrics": {"loss": 0.5}, "none": None}
    storage.write_path(KEY, json.dumps(record(json.dumps(value))).encode())
    found: ResultRecord[Any] = ResultRecord.deserialize(storage.read_path(KEY))
    assert found.result == value


@pytest.mark.parametrize(
    "serializer",
    [
        {"type": "pickle"},
        {"type": "pickle", "picklelib": "pickle"},
        {"type": "compressed", "serializer": {"type": "pickle"}},
        {"type": "json", "object_decoder": "subprocess.Popen"},
        {"type": "json", "jsonlib": "os"},
    ],
)
def test_a_record_that_names_another_serializer_is_read_as_plain_json(
    serializer: dict[str, Any], storage: ResultStorage, tmp_path: Path
) -> None:
    """It names pickle and holds one: nothing runs, whatever reads it."""
    proof = tmp_path / "executed"
    blob = base64.encodebytes(pickle.dumps(_Executes(str(proof)))).decode()
    plant(
        storage, {"metadata": record("")["metadata"] | {"serializer": serializer}, "result": blob}
    )
    found: ResultRecord[Any] = ResultRecord.deserialize(storage.read_path(KEY))
    assert found.result == blob
    assert not proof.exists()
    written = json.dumps(record(json.dumps("x"), serializer=serializer)).encode()
    storage.write_path(KEY, written)
    assert b"pickle" not in storage.read_path(KEY)
    assert json.loads(storage.read_path(KEY))["metadata"]["serializer"]["type"] == "json"


def test_a_result_that_names_a_class_stays_plain(storage: ResultStorage) -> None:
    """Prefect's own decoder would import it."""
    hostile = {"__class__": "subprocess.Popen", "data": ["id"]}
    plant(storage, {"metadata": record("")["metadata"], "result": hostile})
    found: ResultRecord[Any] = ResultRecord.deserialize(storage.read_path(KEY))
    assert found.result == hostile


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": {}},
        {"metadata": [], "result": 1},
        {"metadata": None, "result": 1},
        {"result": 1},
    ],
)
def test_a_record_that_is_none_is_refused(body: dict[str, Any], storage: ResultStorage) -> None:
    """With the file's name; Prefect then runs the task."""
    plant(storage, body)
    with pytest.raises(StorageError, match=KEY):
        storage.read_path(KEY)


@pytest.mark.parametrize(
    "key",
    ["../x/y", "x/../../y", "/etc/passwd", "x", "x/y/z", "x/y\x00", "x/%2e%2e", "x/\uff0e\uff0e"],
)
def test_a_key_cannot_leave_its_folder(key: str, storage: ResultStorage, tmp_path: Path) -> None:
    for call in (storage.read_path, lambda path: storage.write_path(path, b"{}")):
        with pytest.raises((RetrainError, KeyError)):
            call(key)
    assert list(tmp_path.iterdir()) == []
