"""How a registered model is named: `name`, `name:7`, `name@champion`, `registry://name:7`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.errors import NotFoundError

_REFERENCE = re.compile(
    r"(?:registry://)?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,127})(?::(?P<version>[1-9]\d{0,7})"
    r"|@(?P<alias>[A-Za-z0-9][A-Za-z0-9._-]{0,127}))?"
)


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A name, and a version or an alias unless the newest is meant."""

    name: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """Read a reference.

        Raises:
            NotFoundError: it is none.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise NotFoundError(
                f"{text!r} names no model; expected NAME (the newest version), NAME:VERSION or "
                "NAME@ALIAS"
            )
        version = match["version"]
        return cls(match["name"], int(version) if version else None, match["alias"])

    def __str__(self) -> str:
        """As `parse` reads it."""
        if self.alias is not None:
            return f"{self.name}@{self.alias}"
        return self.name if self.version is None else f"{self.name}:{self.version}"
