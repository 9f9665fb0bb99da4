"""One thing that was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        path: in the store.
        what: what is wrong with it, or why it is there.
        is_harmless: nothing refers to it, nothing fails because of it.
    """

    path: str
    what: str
    is_harmless: bool = False
