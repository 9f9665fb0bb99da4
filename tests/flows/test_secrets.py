"""Credentials of data sources out of Prefect's Secret blocks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from training.credentials import secret
from training.errors import DataError


def test_a_block_has_the_secret(server: str) -> None:
    """The configuration names the block; the value is asked for when it is needed."""
    from prefect.blocks.system import Secret

    assert server
    Secret(value="hunter2").save("prices-token", overwrite=True)
    assert secret("block:prices-token", "data.source") == "hunter2"


def test_a_block_that_there_is_not_is_named(server: str) -> None:
    assert server
    with pytest.raises(DataError, match="no Secret block 'prices-tokne'"):
        secret("block:prices-tokne", "data.source")


def test_a_place_that_there_is_not_is_named() -> None:
    with pytest.raises(DataError, match=r"'blok:prices' names no place.*did you mean 'block'"):
        secret("blok:prices", "data.source.password_variable")


def test_prefect_is_imported_only_for_a_block() -> None:
    code = (
        "import flows, sys; raise SystemExit('prefect' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
