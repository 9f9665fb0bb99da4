"""Credentials come from the environment, and are found in nothing that is written or said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import s3fs

from training.artifacts import ArtifactStore
from training.errors import InputError, RetrainError, StorageError
from training.secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECRET = "planted-secret-key"  # noqa: S105 - planted, to be searched for; `bucket_url` sets it too
SECRETS = (SECRET, "planted-key-id")


@pytest.mark.parametrize(
    "url",
    [
        f"s3://user:{SECRET}@bucket/folder",
        f"s3://{SECRET}@bucket/folder",
        f"memory://user:{SECRET}@bucket",
        f"s3://bucket/folder?secret={SECRET}",
        f"abfss://user:{SECRET}@account.dfs.core.windows.net/folder",
    ],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(url: str) -> None:
    """A storage's URL is stored with every run and printed by every command."""
    with pytest.raises(InputError, match="in the environment") as told:
        ArtifactStore(url)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", SECRET),
        ("AZURE_STORAGE_CONNECTION_STRING", SECRET),
        ("DB_PASSWORD", SECRET),
        ("AWS_SECRET_ACCESS_KEY", f"{SECRET}\n"),
    ],
)
def test_values_of_the_environment_are_taken_out(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library repeats of them; and nothing else is spoilt."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHORT_TOKEN", "1")
    text = f"signature of {SECRET} at http://me:{SECRET}@host:1/x is wrong, says me@example.com"
    assert without_secrets(text) == (
        "signature of *** at http://***@host:1/x is wrong, says me@example.com"
    )


def test_an_error_of_the_library_says_no_secret(
    bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in its message, and not in the one that it was made from."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:9/{SECRET}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()  # the address is looked up once
    store = ArtifactStore(f"{bucket_url}/{uuid4().hex}")
    with pytest.raises(StorageError) as told:
        store.create("d", {})
    s3fs.S3FileSystem.clear_instance_cache()
    assert "http://127.0.0.1:9/***" in str(told.value)
    shown: BaseException | None = told.value
    while shown is not None:
        assert SECRET not in str(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_training_on_s3_writes_and_says_no_secret(
    bucket_url: str,
    train: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Every object that was written, every line that was logged, all that was printed."""
    caplog.set_level(logging.DEBUG, "training")
    url = f"{bucket_url}/{uuid4().hex}"
    train(storage=url)
    store = ArtifactStore(url)
    assert store.verify().problems == []
    files = s3fs.S3FileSystem(use_listings_cache=False)
    keys = files.find(url.removeprefix("s3://"))
    assert len(keys) > 10
    said = caplog.text + "".join(capfd.readouterr())
    assert "epoch 3/3" in said
    for secret in SECRETS:
        assert secret not in said
        for key in keys:
            assert secret.encode() not in files.cat_file(key), key
    with pytest.raises(RetrainError) as told:
        store.commit("bad/../name", {})
    assert SECRET not in str(told.value)
