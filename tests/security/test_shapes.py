"""Documents that verify and are not what this project writes: an error that names the file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.cli.app import main
from tests.security.conftest import Attacker
from training.run import run_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE: tuple[Any, ...] = (
    None,
    7,
    -1,
    10**30,
    True,
    "text",
    "../../etc",
    [],
    {},
    [1],
    {"type": "x"},
)
DOCUMENTS = (
    "run.json",
    "outcome.json",
    "attempts/00000001.json",
    "endings/00000001.json",
    "heartbeats/00000001.json",
    "progress.json",
)


class Stored(Attacker):
    """A storage with a finished run and its model, which is rewritten."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.proof = folder / "executed"

    def open(self) -> None:
        from training.artifacts import ArtifactStore

        self.store = ArtifactStore(self.root)
        (self.run,) = run_ids(self.store)
        self.model = self.store.children("models")[0]
        self.remember()

    def commands(self) -> list[tuple[str, ...]]:
        """Everything that only looks, or mends."""
        return [
            ("runs",),
            ("runs", "--json"),
            ("show", self.run),
            ("show", self.run, "--json"),
            ("models", "list"),
            ("models", "show", self.model),
            ("verify", self.run),
            ("verify",),
            ("resume", self.run),
            ("gc", "--yes"),
            ("repair",),
        ]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(tmp_path_factory.mktemp("shapes") / "storage")


@pytest.fixture
def retrain(
    stored: Stored,
    train: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Call the command on the storage: exit code, standard error; anything else is a crash."""
    if not stored.root.exists():
        train(storage=stored.root)
        stored.open()
    stored.restore()
    monkeypatch.setenv("RETRAIN_STORAGE", str(stored.root))

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        return int(str(code or 0)), capsys.readouterr().err

    return call


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Where something stands in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, ...]] = []
    for key, item in inside:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += places(item, (*path, key))
    return found


def spoil(body: dict[str, Any], place: tuple[Any, ...], value: object) -> None:
    """Put another value somewhere; `...`: leave it out."""
    at: Any = body
    for key in place[:-1]:
        at = at[key]
    if value is ...:
        del at[place[-1]]
    else:
        at[place[-1]] = value


@pytest.mark.parametrize("key", ["name", "config", "identity", "data", "parent"])
def test_a_run_that_is_none_is_an_error_that_names_the_file(
    key: str, stored: Stored, retrain: Callable[..., tuple[int, str]]
) -> None:
    """And the others are listed all the same."""
    path = f"runs/{stored.run}/run.json"
    stored.rewrite(path, lambda body: spoil(body["body"], (key,), 7))
    code, told = retrain("show", stored.run)
    assert code == 1
    assert f"{path} is not as this project writes it: {key} = '7'" in told
    assert retrain("runs")[0] == 0
    code, told = retrain("verify")
    assert code == 1
    assert path in told


@given(data=st.data())
@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
def test_no_shape_of_a_document_ends_in_a_traceback(
    data: st.DataObject, stored: Stored, retrain: Callable[..., tuple[int, str]]
) -> None:
    """Any value anywhere in what describes a run, its attempts, its checkpoints, its model."""
    stored.restore()
    checkpoints = stored.store.children(f"runs/{stored.run}/checkpoints")
    paths = [f"runs/{stored.run}/{name}" for name in DOCUMENTS]
    paths += [f"runs/{stored.run}/checkpoints/{name}/manifest.json" for name in checkpoints]
    (files,) = stored.store.children(f"models/{stored.model}/files")
    paths.append(f"models/{stored.model}/files/{files}/manifest.json")
    paths.append(f"models/{stored.model}/versions/00000001.json")
    path = data.draw(st.sampled_from(paths))

    def change(body: dict[str, Any]) -> None:
        place = data.draw(st.sampled_from(places(body)))
        spoil(body, place, data.draw(st.sampled_from((*HOSTILE, ...))))

    stored.rewrite(path, change)
    for command in stored.commands():
        assert retrain(*command)[0] in {0, 1, 2}


@pytest.mark.parametrize("name", ["99999999.json", "00000000.json", "abc.json", "00000002.txt"])
@pytest.mark.parametrize("folder", ["attempts", "endings", "heartbeats", "history", "checkpoints"])
def test_no_name_in_a_run_ends_in_a_traceback(
    name: str, folder: str, stored: Stored, retrain: Callable[..., tuple[int, str]]
) -> None:
    """Nor in a list of a hundred million attempts that are missing."""
    place = stored.root / "runs" / stored.run / folder
    place.mkdir(exist_ok=True)
    (place / name).write_bytes(b"{}")
    for command in stored.commands():
        code, told = retrain(*command)
        assert code in {0, 1, 2}
        assert told.count("\n") < 20
