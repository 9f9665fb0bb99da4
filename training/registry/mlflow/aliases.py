"""Aliases of MLflow, with the history that MLflow does not keep: as tags of the model."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from training.artifacts import Move
from training.errors import ConflictError, IntegrityError
from training.registry.aliases import Aliases
from training.registry.mlflow.server import told_plainly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.registry.mlflow.server import Server

TAG = "retrain.alias."
LONGEST_WHY = 3000
"""MLflow allows 5000 letters a tag."""


class MlflowAliases(Aliases):
    """The aliases of one model on a server."""

    def __init__(self, server: Server, name: str) -> None:
        """Read and move the aliases of the model `name`."""
        self._server = server
        self._name = name

    def _names(self) -> Iterable[str]:
        model = self._server.model(self._name)
        return list(model.aliases) if model else []

    def _pointer(self, alias: str) -> MlflowPointer:
        return MlflowPointer(self._server, self._name, alias)


class MlflowPointer:
    """One alias. MLflow knows no compare-and-set: what is expected is looked at just before."""

    def __init__(self, server: Server, name: str, alias: str) -> None:
        """Of a model, which need not be there yet."""
        self._server = server
        self._name = name
        self._alias = alias

    @property
    def value(self) -> str | None:
        """The version; None: none."""
        model = self._server.model(self._name)
        found = model.aliases.get(self._alias) if model else None
        return None if found is None else str(found)

    def history(self) -> Iterator[Move]:
        """All moves that were made through this registry, the newest first.

        Raises:
            IntegrityError: one is damaged.
        """
        model = self._server.model(self._name)
        tags = dict(model.tags) if model else {}
        prefix = f"{TAG}{self._alias}."
        for key in sorted((key for key in tags if key.startswith(prefix)), reverse=True):
            try:
                yield Move(**json.loads(tags[key]))
            except (TypeError, ValueError):
                raise IntegrityError(
                    f"tag {key!r} of model {self._name!r} is no move of an alias; remove it"
                ) from None

    def move(self, to: str | None, *, expect: str | None, why: str = "", who: str = "") -> Move:
        """Point elsewhere; a move that died before its note is completed.

        Raises:
            ConflictError: it points to another version than expected.
        """
        now, last = self.value, next(self.history(), None)
        unfinished = now == to and (last.to if last else None) == expect != to
        if now != expect and not unfinished:
            raise ConflictError(
                f"the alias {self._alias!r} of model {self._name!r} points to {now or 'nothing'}, "
                f"not to {expect or 'nothing'} as was expected: somebody moved it; look at it "
                "again, and decide again"
            )
        number = last.number + 1 if last else 1
        at = datetime.now(UTC).isoformat(timespec="seconds")
        made = Move(number, to, why[:LONGEST_WHY], at, who)
        client: Any = self._server.client
        with told_plainly(self._server.url):
            if to is None:
                client.delete_registered_model_alias(self._name, self._alias)
            else:
                client.set_registered_model_alias(self._name, self._alias, to)
            tag = f"{TAG}{self._alias}.{number:08d}"
            client.set_registered_model_tag(self._name, tag, json.dumps(asdict(made)))
        return made
