"""Credentials of data sources out of Prefect's Secret blocks: `block:NAME` in a configuration."""

from __future__ import annotations

from typing import Any

from training.credentials import PLACES
from training.errors import DataError


def make_known() -> None:
    """From here on a configuration may say `block:NAME`."""
    PLACES["block"] = block_secret


def block_secret(name: str) -> str:
    """The value of a Secret block, asked for when it is needed.

    Args:
        name: of the block.

    Raises:
        DataError: there is no such block, or it has no text.
    """
    from prefect.blocks.system import Secret

    try:
        block: Any = Secret.load(name, _sync=True)  # type: ignore[call-arg]  # Prefect's own switch
    except ValueError:
        raise DataError(
            f"there is no Secret block {name!r} on the Prefect server; make it in the UI under "
            "Blocks, or name an environment variable instead"
        ) from None
    found = block.get()
    if not isinstance(found, str) or not found:
        raise DataError(f"the Secret block {name!r} has no text")
    return found
