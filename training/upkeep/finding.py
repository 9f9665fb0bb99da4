"""One thing that was found."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@contextmanager
def followed(path: str, broken: list[Finding]) -> Iterator[None]:
    """Follow references from a path; where what stands there is none, note that and go on.

    Whoever may write into a storage may have put anything into its documents.
    """
    try:
        yield
    except (RetrainError, AttributeError, LookupError, TypeError, ValueError) as error:
        broken.append(Finding(path, f"cannot be followed: {error}"))


def gaps(numbers: set[int], last: int) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of 1, 2, 3 … `last` that is not there, however long."""
    before = 0
    for number in [*sorted(number for number in numbers if number <= last), last + 1]:
        if number > before + 1:
            yield before + 1, number - 1
        before = number


def stretch(first: int, last: int) -> str:
    """A stretch in words."""
    return str(first) if first == last else f"{first} to {last}"
