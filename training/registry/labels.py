"""Tags and description of a version: the only things about it that may change.

They are kept beside the version in a numbered log of exclusive creates, since the version itself
never changes; the newest entry counts, and the older ones say who changed what.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from training.errors import ExistsError, InputError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.artifacts import ArtifactStore

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")


@dataclass(frozen=True, slots=True)
class Labels:
    """What people and programs have noted on a version.

    Attributes:
        tags: words by which it is found.
        description: free text.
        who: changed them last.
        at: when, in UTC; empty: never.
    """

    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""
    who: str = ""
    at: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class LabelLog:
    """The labels of one version."""

    def __init__(self, store: ArtifactStore, folder: str) -> None:
        """Keep them in this folder of the store."""
        self._store = store
        self._folder = folder

    def read(self) -> Labels:
        """The labels as they are.

        Raises:
            IntegrityError: they are damaged.
        """
        return self._read(self._newest())

    def change(
        self, tags: Mapping[str, str | None], description: str | None = None, who: str = ""
    ) -> Labels:
        """Set some tags and the description; two who change different tags at once both succeed.

        Args:
            tags: values by name; None takes a tag away.
            description: None leaves it as it is.
            who: changes them.

        Raises:
            InputError: a tag's name is malformed.
        """
        for name in tags:
            require_tag(name)
        while True:
            number = self._newest()
            changed = _changed(self._read(number), tags, description, who)
            try:
                self._store.create(self._path(number + 1), changed.to_json())
            except ExistsError:
                continue  # somebody was quicker: theirs first
            return changed

    def _newest(self) -> int:
        return max((int(name[:8]) for name in self._store.numbered(self._folder)), default=0)

    def _read(self, number: int) -> Labels:
        if number == 0:
            return Labels()
        body = self._store.document(self._path(number))
        tags, texts = body.get("tags"), [body.get(key) for key in ("description", "who", "at")]
        values = [*tags.values(), *texts] if isinstance(tags, dict) else [None]
        if not all(isinstance(value, str) for value in values):
            raise IntegrityError(f"{self._path(number)} holds no tags; remove it")
        return Labels(**body)

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:08d}.json"


def require_tag(name: str) -> None:
    """Refuse what is no name of a tag.

    Raises:
        InputError: it is malformed.
    """
    if not _TAG.fullmatch(name):
        raise InputError(
            f"{name!r} is no name of a tag; expected 1 to 128 letters, digits, '.', '_', '/' or "
            "'-', the first one a letter or a digit"
        )


def _changed(
    old: Labels, tags: Mapping[str, str | None], description: str | None, who: str
) -> Labels:
    kept = {name: value for name, value in old.tags.items() if name not in tags}
    new = {name: value for name, value in tags.items() if value is not None}
    text = old.description if description is None else description
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Labels(dict(sorted((kept | new).items())), text, who, at)
