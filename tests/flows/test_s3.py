"""The command on S3: a flow trains and verifies there, and no credential is left anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import s3fs

from flows.cli.app import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Retrain = Callable[..., tuple[int, str, str]]

QUICK = str(Path(__file__).parents[2] / "configs/quickstart.yaml")
SECRETS = (b"planted-secret-key", b"planted-key-id")
"""Those that the fixture `bucket_url` puts into the environment."""


@pytest.fixture
def retrain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Retrain:
    """Call the command in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return int(str(code or 0)), out, err

    return call


def test_a_flow_trains_on_s3(
    bucket_url: str, server: str, prefect_home: Path, retrain: Retrain, tmp_path: Path
) -> None:
    """Checkpoints, results, the registry: all of it is there, whole, and nothing is here."""
    storage = ("--storage", f"{bucket_url}/{uuid4().hex}")
    said = ""
    command = ("run", QUICK, "--set", "training.epochs=2", "--json", *storage)
    for status in ("completed", "already-complete"):
        code, out, err = retrain(*command)
        assert code == 0, err
        assert json.loads(out)["status"] == status
        said += out + err
    for look in (("runs",), ("models", "list"), ("verify",), ("gc",), ("repair",)):
        code, out, err = retrain(*look, *storage)
        assert code == 0, err
        said += out + err
    assert list(tmp_path.iterdir()) == []
    files = s3fs.S3FileSystem(use_listings_cache=False)
    written = [files.cat_file(key) for key in files.find(storage[1].removeprefix("s3://"))]
    assert len(written) > 15
    written += [path.read_bytes() for path in prefect_home.rglob("*") if path.is_file()]
    for secret in SECRETS:
        assert secret not in said.encode()
        assert not any(secret in content for content in written)


def test_a_url_with_credentials_is_wrong_input(retrain: Retrain, tmp_path: Path) -> None:
    """2, in one line that does not repeat them; whatever the command."""
    url = "s3://me:planted-secret-key@bucket/store"
    for command in (("run", QUICK), ("runs",), ("verify",), ("validate", QUICK)):
        code, out, err = retrain(*command, "--storage", url)
        assert (code, out) == (2, "")
        assert "in the environment" in err
        assert "planted" not in err
    assert list(tmp_path.iterdir()) == []
