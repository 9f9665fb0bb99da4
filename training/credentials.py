"""Where a credential that a key names comes from: the environment, or a place for secrets.

What keeps `${NAME}` out of documents and messages is `training.secrets`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from training.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HIDDEN = "…"
PLACES: dict[str, Callable[[str], str]] = {}
"""Where else secrets are kept, by the word before the colon: a floor above adds its own."""


def secret(variable: str, where: str) -> str:
    """The value of an environment variable, or of `place:name`.

    Args:
        variable: its name.
        where: the key of the configuration that names it.

    Raises:
        DataError: it is not set, or not there.
    """
    place, colon, name = variable.partition(":")
    if colon:
        if place not in PLACES:
            raise DataError(
                f"{where} = {variable!r} names no place for secrets; {did_you_mean(place, PLACES)}"
            )
        return PLACES[place](name)
    value = os.environ.get(variable)
    if not value:
        near = did_you_mean(variable, os.environ).split("known:", maxsplit=1)[0].strip()
        raise DataError(
            f"{where} names the environment variable {variable}, which is not set; "
            f"{near or 'set it where this runs'}"
        )
    return value


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without them, however they got into it."""
    for one in secrets:
        if one:
            text = text.replace(one, HIDDEN)
    return text
