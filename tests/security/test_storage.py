"""Whoever may write into a storage cannot run code, leave the storage, or take all memory."""

from __future__ import annotations

import pickle
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.durability.operations import RUN_IN_PIECES, SIZE, buffer, files_of
from training.artifacts import Pointer
from training.artifacts.documents import MAX_DOCUMENT, seal, unseal
from training.artifacts.manifest import Manifest
from training.checkpoints import CheckpointManager
from training.errors import IntegrityError, RetrainError
from training.registry import ModelRegistry
from training.types import Segmented
from training.upkeep import Choice, collect, inspect, repair

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.security.conftest import Attacker
    from training.artifacts import ArtifactStore

CHECKPOINT = "runs/r/checkpoints/00000003-00000000"
VERSION = files_of(1)
REPORT = "artifacts/reports/p/versions/00000001"
DOCUMENTS = [
    "runs/r/run.json",
    f"{CHECKPOINT}/manifest.json",
    f"{VERSION}/manifest.json",
    f"{REPORT}/manifest.json",
    "models/m/versions/00000001.json",
    "models/m/aliases/champion/00000001.json",
]
ESCAPES = [
    "../../../victim",
    "/etc/passwd",
    "..",
    "a/../../b",
    "a\x00b",
    "%2e%2e/victim",
    "..%2fvictim",
    "\uff0e\uff0e/victim",
    "\u2024\u2024/victim",
    "a\\..\\victim",
    "",
    ".hidden",
    "manifest.json",
    "~/victim",
    "a" * 129,
    "C:victim",
]


def use_everything(store: ArtifactStore) -> list[Exception]:
    """Call whatever reads the storage; returns what was raised."""
    registry = ModelRegistry(store)
    manager = CheckpointManager(store, "runs/r/checkpoints")
    calls: list[Callable[[], object]] = [
        manager.refs,
        manager.newest,
        lambda: registry.get("m"),
        lambda: registry.get("m:1"),
        lambda: registry.get("m@champion"),
        lambda: registry.weights(registry.get("m:1")),
        lambda: registry.pipeline(registry.get("m:1")),
        lambda: registry.list("m"),
        lambda: registry.aliases("m"),
        lambda: registry.alias_history("m", "champion"),
        lambda: Pointer(store, "models/m/aliases/champion").value,
        store.list,
        lambda: store.read(store.get("reports", "p", 1).path, "f"),
        lambda: store.document("runs/r/run.json"),
        lambda: inspect(store),
        lambda: list(collect(store, Choice(artifacts_older_than=0))),
        store.clean,
        lambda: list(repair(store)),
    ]
    raised: list[Exception] = []
    for call in calls:
        try:
            call()
        except RetrainError as error:
            raised.append(error)
    return raised


@pytest.mark.parametrize("path", ESCAPES)
def test_a_manifest_cannot_name_a_file_elsewhere(path: str, attacker: Attacker) -> None:
    """Reading, verifying, removing, repairing, collecting: none follows it."""
    attacker.rewrite(
        f"{REPORT}/manifest.json", lambda manifest: manifest["files"][0].update(path=path)
    )
    with pytest.raises(IntegrityError, match=f"{REPORT}/manifest.json"):
        attacker.store.read(REPORT, "f")
    assert use_everything(attacker.store)
    attacker.store.remove(REPORT)


@pytest.mark.parametrize("data", ["..", "../victim", ".data/../..", "/etc", ".data/", "runs/r", 7])
def test_a_manifest_cannot_say_that_its_files_lie_elsewhere(
    data: object, attacker: Attacker
) -> None:
    attacker.rewrite(f"{REPORT}/manifest.json", lambda manifest: manifest.update(data=data))
    with pytest.raises(IntegrityError, match=r"manifest\.json is no manifest"):
        attacker.store.read(REPORT, "f")
    use_everything(attacker.store)


@pytest.mark.parametrize("name", ESCAPES)
def test_a_document_cannot_name_a_path_elsewhere(name: str, attacker: Attacker) -> None:
    """Neither the files of a version, nor where an alias points to."""

    def escape(document: dict[str, Any]) -> None:
        for key in document["body"]:
            document["body"][key] = name

    for path in ("models/m/versions/00000001.json", "models/m/aliases/champion/00000001.json"):
        attacker.rewrite(path, escape)
    use_everything(attacker.store)


@pytest.mark.parametrize("file_format", ["safetensors", "bytes", "pickle", "torch", "joblib"])
def test_a_pickle_in_place_of_weights_is_never_loaded(file_format: str, attacker: Attacker) -> None:
    """Whatever the manifest calls it."""
    attacker.put_file(VERSION, "weights.safetensors", attacker.pickle(), format=file_format)
    attacker.put_file(CHECKPOINT, "state.safetensors", attacker.pickle(), format=file_format)
    registry = ModelRegistry(attacker.store)
    with pytest.raises(IntegrityError, match=r"weights\.safetensors"):
        registry.weights(registry.get("m:1"))
    newest = CheckpointManager(attacker.store, "runs/r/checkpoints").newest()
    assert newest is not None
    assert newest[0].epoch == 2, "the one before it verifies"


def test_the_pickle_would_have_run(attacker: Attacker) -> None:
    """Else these tests would prove nothing."""
    pickle.loads(attacker.pickle())  # noqa: S301 - our own
    assert attacker.proof.is_dir()
    attacker.proof.rmdir()


@pytest.mark.parametrize("size", [2**62, 2**40, -1, 1.5, True, "8", None])
def test_a_size_takes_no_memory_before_it_is_checked(size: object, attacker: Attacker) -> None:
    attacker.rewrite(
        f"{REPORT}/manifest.json", lambda manifest: manifest["files"][0].update(size=size)
    )
    tracemalloc.start()
    with pytest.raises(IntegrityError):
        attacker.store.read(REPORT, "f")
    use_everything(attacker.store)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_gigantic_document_is_refused_unread(path: str, attacker: Attacker) -> None:
    """A sparse file of a terabyte takes no memory."""
    with (attacker.root / path).open("r+b") as file:
        file.truncate(2**40)
    tracemalloc.start()
    raised = use_everything(attacker.store)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised or not (attacker.root / path).exists()
    assert peak < 50 * 2**20


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("text", [b"[" * 10**6, b'{"a":' * 10**6, b"1" * 10**6, b"{}", b"[]", b"0"])
def test_json_that_is_nested_without_end_is_refused(
    path: str, text: bytes, attacker: Attacker
) -> None:
    """With its seal right."""
    from hashlib import sha256

    sealed = b'{"body":' + text + b',"sha256":"' + sha256(text).hexdigest().encode() + b'"}'
    assert len(sealed) < MAX_DOCUMENT
    (attacker.root / path).write_bytes(sealed)
    use_everything(attacker.store)


@pytest.mark.parametrize("path", [CHECKPOINT, VERSION, REPORT, "runs/r", "models"])
def test_a_link_is_not_followed(path: str, attacker: Attacker) -> None:
    """A directory of the storage that points to one outside: nothing there is read or deleted."""
    place = attacker.root / path
    place.rename(attacker.root / "moved")
    outside = attacker.root.parent.parent / "elsewhere"
    (attacker.root / "moved").rename(outside)
    place.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    use_everything(attacker.store)
    with suppress(RetrainError):
        attacker.store.remove(path)
    assert sorted(outside.rglob("*")) == before


def test_a_link_in_place_of_a_piece_is_not_followed(attacker: Attacker) -> None:
    """Neither when it is read, nor when the next checkpoint would share it."""
    manager = CheckpointManager(attacker.store, RUN_IN_PIECES)
    newest = manager.newest()
    assert newest is not None
    for piece in (attacker.root / newest[0].uri / "segments").iterdir():
        piece.unlink()
        piece.symlink_to(attacker.victim)
    with pytest.raises(RetrainError, match=r"is a link|is damaged|ELOOP"):
        manager.load(newest[0])
    use_everything(attacker.store)
    saved = manager.save(replace(newest[0], epoch=3), {"b": Segmented(buffer(2), SIZE // 4)}, {})
    assert (manager.load(saved)["b"] == buffer(2)).all()
    assert attacker.victim.stat().st_nlink == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(ESCAPES),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def mutated(value: Any, data: st.DataObject) -> Any:  # noqa: ANN401 - JSON
    """The same with one value somewhere in it replaced, removed or added."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(value)))
        what = data.draw(st.sampled_from(["inside", "inside", "inside", "remove", "add"]))
        if what == "remove":
            return {name: item for name, item in value.items() if name != key}
        if what == "add":
            return value | {data.draw(st.text(max_size=8)): data.draw(JSON)}
        return value | {key: mutated(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], mutated(value[at], data), *value[at + 1 :]]
    return data.draw(JSON)


_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=40, deadline=None, suppress_health_check=_SLOW)
@given(st.data())
def test_fuzzed_documents_with_right_seals_are_used_or_refused(
    attacker: Attacker, data: st.DataObject
) -> None:
    """Whatever stands in them: an error of ours at most."""
    fuzz(attacker, data)


@pytest.mark.long
@settings(max_examples=3000, deadline=None, suppress_health_check=_SLOW)
@given(st.data())
def test_thousands_of_fuzzed_documents_are_used_or_refused(
    attacker: Attacker, data: st.DataObject
) -> None:
    """The same, longer."""
    fuzz(attacker, data)


def fuzz(attacker: Attacker, data: st.DataObject) -> None:
    attacker.restore()
    path = data.draw(st.sampled_from(DOCUMENTS))
    file = attacker.root / path
    body = mutated(unseal(file.read_bytes(), path), data)
    if isinstance(body, dict):
        file.write_bytes(seal(body))
    use_everything(attacker.store)
    attacker.check()


@given(JSON)
def test_any_json_is_a_manifest_or_refused(body: object) -> None:
    """By an error that names the file."""
    known = {"schema": 1, "path": "c", "data": ""}
    sealed = seal(body if isinstance(body, dict) else known | {"files": body})
    said = "c/manifest.json"
    try:
        Manifest.from_bytes(sealed, "c", "c/manifest.json")
    except IntegrityError as error:
        said = str(error)
    assert "c/manifest.json" in said
