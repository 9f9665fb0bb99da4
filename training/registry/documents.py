"""What decisions need of the place that they are kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Documents(Protocol):
    """Small JSON documents with numbered names; an `ArtifactStore` is one."""

    def numbered(self, folder: str) -> Collection[str]:
        """Names such as `00000007.json` in a folder; none where there is no such folder."""
        ...

    def document(self, path: str) -> dict[str, Any]:
        """What was written.

        Raises:
            StorageError: it is damaged, or cannot be read.
        """
        ...

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Write a new one.

        Raises:
            ExistsError: there is one of that name.
        """
        ...
