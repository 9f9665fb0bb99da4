"""What makes two runs the same training.

Identity is the configuration that can change the result, the data's fingerprint, and the slot.
A run's id is made from it, so that the same command finds its own earlier attempt, and nothing
else can be taken for it: no name, no folder, no date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from blake3 import blake3

ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides which run this is.

    Attributes:
        config: keys and values that can change the result.
        fingerprint: of the data's content.
        slot: the `as_of` of a scheduled run, or a name that the user gave.
        parent: digest of the state that training goes on from, if it is another run's.
    """

    config: dict[str, Any]
    fingerprint: str
    slot: str | None = None
    parent: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "config": self.config,
            "fingerprint": self.fingerprint,
            "slot": self.slot,
            "parent": self.parent,
        }

    def run_id(self, name: str) -> str:
        """The model's name and twelve digits of the digest of all of the above."""
        canonical = orjson.dumps(self.to_json(), option=orjson.OPT_SORT_KEYS)
        return f"{name}-{blake3(canonical).hexdigest()[:ID_LENGTH]}"


def changed_keys(old: Any, new: Any, path: str = "") -> list[str]:  # noqa: ANN401 - any JSON value
    """Which keys differ, such as `training.epochs 3 -> 20`."""
    if isinstance(old, dict) and isinstance(new, dict):
        if "type" in old and "type" in new and old["type"] != new["type"]:
            return [f"{path}.type {old['type']} -> {new['type']}"]
        lines: list[str] = []
        for key in sorted(set(old) | set(new)):
            lines += changed_keys(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return lines
    return [] if old == new else [f"{path} {_short(old)} -> {_short(new)}"]


def _short(value: object) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 40 else f"{text[:37]}…"  # noqa: PLR2004 - fits on a line
