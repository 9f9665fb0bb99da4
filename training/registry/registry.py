"""The registry: name → versions 1, 2, 3 …, each immutable.

In the store, under `models/NAME`::

    files/RUN.STAGE.DIGEST           weights, feature pipeline, card: committed before all else
    versions/00000003.json           which files are version 3: made exclusively, and last
    aliases/champion/00000007.json   the seventh version that an alias was given
    labels/00000003/00000002.json    the second change of its tags and description
    decisions/00000003/00000001.json whether it may replace the champion, and why
    deleted/00000003.json            it was deleted: by whom, why; its number stays used
    used-up/RUN.STAGE.DIGEST.json    its files too: nothing is put there again

A number never points to nothing. A process that dies before it claimed one leaves files that nobody
sees; its run finds them when it is started again, and claims a number for them.
"""

from __future__ import annotations

import getpass
import platform
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from training.artifacts import encode
from training.errors import ExistsError, InputError, IntegrityError, NotFoundError, did_you_mean
from training.registry.aliases import Aliases
from training.registry.claims import Claims, CommittedFiles
from training.registry.compare import Differences, compare
from training.registry.labels import LabelLog, Labels
from training.registry.paths import (
    MODELS,
    deleted_path,
    files_path,
    labels_path,
    place_of,
    used_up_path,
    version_path,
)
from training.registry.reference import ModelReference
from training.registry.version import ModelSummary, ModelVersion, card_of

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping

    from training.artifacts import ArtifactStore, Commit, Move
    from training.registry.documents import Documents
    from training.types import StateTree

WEIGHTS_FILE = "weights.safetensors"
PIPELINE_FILE = "pipeline.safetensors"


class ModelRegistry:
    """Registered models in an `ArtifactStore`."""

    def __init__(self, store: ArtifactStore) -> None:
        """Keep versions in this store."""
        self.store = store
        self._claims = Claims(store)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.store.url

    @property
    def documents(self) -> Documents:
        """Where decisions about versions are kept."""
        return self.store

    def save_model(
        self,
        name: str,
        weights: dict[str, StateTree],
        pipeline: dict[str, StateTree],
        card: Mapping[str, Any],
        stage: str = "final",
    ) -> ModelVersion:
        """Register a model; the same weights of the same run give the same version again.

        Args:
            name: of the model.
            weights: what predictions depend on.
            pipeline: the state of the feature pipeline that its inputs went through.
            card: everything else that is to be known of it; `run_id` and `metrics` at least.
            stage: which of a run's models this is: the final one, or one saved on the way.

        Raises:
            StorageError: nothing was registered.
        """
        while True:
            files = self.commit_files(name, weights, pipeline, card, stage)
            version = self._claims.claim(files)
            if not self._is_deleted(name, version):
                return _made_of(files.commit, name, version)
            self.delete(name, version)  # which died in the middle

    def commit_files(
        self,
        name: str,
        weights: dict[str, StateTree],
        pipeline: dict[str, StateTree],
        card: Mapping[str, Any],
        stage: str = "final",
    ) -> CommittedFiles:
        """The first half of `save_model`, as that: the files are durable, and no version yet."""
        encoded, run_id = encode(weights), str(card["run_id"])
        digest = encoded.digest()
        content = {WEIGHTS_FILE: encoded, PIPELINE_FILE: encode(pipeline)}
        about = {"digest": digest, "card": {**card, "run_id": run_id}}
        while True:
            seen = self._claims.newest(name)
            place = self._claims.place(name, run_id, stage, digest)
            path = files_path(name, place)
            try:
                commit = self.store.commit(path, content, about)
            except ExistsError:  # committed before
                commit, seen = self.store.open(path), None
            if not self._claims.is_used_up(name, place):
                break
            self.store.remove(path)  # they were deleted since we looked
        if (commit.metadata.get("digest"), card_of(commit)["run_id"]) != (digest, run_id):
            raise IntegrityError(
                f"{path} holds another model than the one of run {run_id} that belongs there; "
                f"see `retrain verify {path}`"
            )
        return CommittedFiles(name, place, commit, seen)

    def claim(self, files: CommittedFiles) -> ModelVersion:
        """The second half of `save_model`: these files get their number, durably and once.

        This is one small document, made exclusively: whoever claims the same files again, in this
        process or another, gets the same version.

        Raises:
            NotFoundError: the version was deleted since.
            StorageError: nothing was registered.
        """
        version = self._claims.claim(files)
        if self._is_deleted(files.name, version):
            raise self._absent(files.name, version)
        return _made_of(files.commit, files.name, version)

    def get(self, reference: ModelReference | str) -> ModelVersion:
        """A version, the newest where none is named.

        Raises:
            NotFoundError: no such model, version or alias.
            IntegrityError: its manifest is damaged.
        """
        if isinstance(reference, str):
            reference = ModelReference.parse(reference)
        name = reference.name
        version = self._version(reference) or max(self.numbers(name), default=0)
        try:
            return self._read(name, version)
        except NotFoundError:
            raise self._absent(name, version) from None

    def names(self) -> builtins.list[str]:
        """Models that have a version."""
        return [name for name in self.store.children(MODELS) if self.numbers(name)]

    def numbers(self, name: str) -> builtins.list[int]:
        """Version numbers of a model, ascending; none when there is no such model."""
        return sorted(self._claims.given(name) - self._claims.deleted(name))

    def list(self, name: str, tags: Mapping[str, str] | None = None) -> builtins.list[ModelSummary]:
        """All versions of a model in short, the newest first, however many; none: no such model.

        Versions whose claim is damaged are logged and left out.

        Args:
            name: of the model.
            tags: only versions that have all of these.
        """
        rows, deleted = self._claims.rows(name), self._claims.deleted(name)
        gone = {version_path(name, number) for number in deleted}
        listed = [
            ModelSummary(
                name, said["version"], said["digest"], said["run_id"], said["metrics"], said["uri"]
            )
            for path, said in sorted(rows.items(), reverse=True)
            if path not in gone
        ]
        return [one for one in listed if not tags or self._has(one, tags)]

    def weights(self, version: ModelVersion) -> dict[str, StateTree]:
        """Its weights, every byte checked.

        Raises:
            IntegrityError: bytes are not what the manifest says.
        """
        return self.store.read_tree(version.uri, WEIGHTS_FILE)

    def pipeline(self, version: ModelVersion) -> dict[str, StateTree]:
        """The state of its feature pipeline, every byte checked.

        Raises:
            IntegrityError: bytes are not what the manifest says.
        """
        return self.store.read_tree(version.uri, PIPELINE_FILE)

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of a model that point to a version.

        Raises:
            IntegrityError: one is damaged.
        """
        return self._aliases_of(name).all()

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias points to; None: it points to none.

        Raises:
            IntegrityError: its newest entry is damaged; an older one is never taken for it.
        """
        return self._aliases_of(name).value(alias)

    def alias_history(self, name: str, alias: str) -> builtins.list[Move]:
        """What an alias was moved to, by whom, when and why; the newest first."""
        return self._aliases_of(name).history(alias)

    def set_alias(
        self,
        name: str,
        alias: str,
        version: int | None,
        *,
        expect: int | None,
        why: str = "",
        who: str | None = None,
    ) -> Move:
        """Point an alias to a version, if it points to what is expected; durable on return.

        Args:
            name: of the model.
            alias: `champion`, or any name.
            version: which must be there; None: the alias points to none from here on.
            expect: the version that it points to now; None: none.
            why: for the history.
            who: for the history; default: this user on this machine.

        Raises:
            ConflictError: it points to another one: somebody moved it first.
            NotFoundError: there is no such version.
        """
        if version is not None:
            self.get(ModelReference(name, version))
        aliases, me = self._aliases_of(name), who or this_user()
        move = aliases.move(alias, version, expect, why, me)
        if version is not None and self._is_deleted(name, version):
            aliases.move(alias, expect, version, f"version {version} was deleted meanwhile", me)
            raise self._absent(name, version)
        return move

    def rollback(
        self, name: str, alias: str = "champion", *, why: str = "", who: str | None = None
    ) -> ModelVersion:
        """Point an alias back to the version before; again: to the one before that.

        Raises:
            ConflictError: somebody moved it at the same time.
            NotFoundError: there is nothing to go back to.
        """
        now, earlier = self._aliases_of(name).previous(alias, self.numbers(name))
        reason = why or f"rollback from {now}"
        self.set_alias(name, alias, earlier, expect=now, why=reason, who=who)
        return self.get(ModelReference(name, earlier))

    def labels(self, name: str, version: int) -> Labels:
        """Tags and description of a version.

        Raises:
            IntegrityError: they are damaged.
        """
        return LabelLog(self.store, labels_path(name, version)).read()

    def label(
        self,
        name: str,
        version: int,
        tags: Mapping[str, str | None] | None = None,
        *,
        description: str | None = None,
        who: str | None = None,
    ) -> Labels:
        """Set tags (None takes one away) and description of a version; the others stay.

        Raises:
            NotFoundError: there is no such version.
            InputError: a tag's name is malformed.
        """
        self.get(ModelReference(name, version))
        log = LabelLog(self.store, labels_path(name, version))
        return log.change(tags or {}, description, who or this_user())

    def compare(self, first: str, second: str) -> Differences:
        """Metrics, configuration and data of two versions side by side.

        Raises:
            NotFoundError: there is no such version.
        """
        return compare(self.get(first), self.get(second))

    def parent(self, version: ModelVersion) -> ModelVersion | None:
        """The version whose weights this one began with; None: it began afresh, or that is gone."""
        name, reference = version.name, version.card.get("started_from")
        run = version.card.get("parent")
        if reference is None and run is not None:
            number = self._version_of_run(name, run)
            reference = None if number is None else f"{name}:{number}"
        with suppress(NotFoundError):
            return self.get(str(reference)) if reference is not None else None
        return None

    def ancestors(self, version: ModelVersion) -> builtins.list[ModelVersion]:
        """Parent, grandparent and so on, as far as they are still there."""
        line: list[ModelVersion] = []
        at = self.parent(version)
        while at is not None and at not in line:
            line.append(at)
            at = self.parent(at)
        return line

    def delete(self, name: str, version: int, *, why: str = "", who: str | None = None) -> None:
        """Delete a version; its number is never given again, its history stays.

        Raises:
            NotFoundError: there is no such version.
            InputError: an alias points to it.
        """
        note = deleted_path(name, version)
        if not self.store.exists(note):  # a deletion that died in the middle is completed
            self.get(ModelReference(name, version))
            self._require_free(name, version)
            with suppress(ExistsError):
                self.store.create(note, {"why": why, "who": who or this_user()})
        try:  # an alias that was moved here meanwhile sees the note, or is seen here
            self._require_free(name, version)
        except InputError:
            self.store.remove(note)
            raise
        place = self._claims.read(name, version)["files"]
        with suppress(ExistsError):
            self.store.create(used_up_path(name, place), {"version": version})
        self.store.remove(files_path(name, place))

    def keep_last(self, name: str, count: int, *, who: str | None = None) -> builtins.list[int]:
        """Delete all but the newest versions; what an alias needs, now or to go back, stays.

        Returns:
            The numbers that were deleted.
        """
        numbers, pointing = self.numbers(name), self.aliases(name)
        needed = set(pointing.values())
        for alias in pointing:
            with suppress(NotFoundError):
                needed |= {*self._aliases_of(name).previous(alias, numbers)}
        old = [number for number in numbers[: max(0, len(numbers) - count)] if number not in needed]
        for number in old:
            self.delete(name, number, why=f"not among the last {count}", who=who)
        return old

    def _read(self, name: str, version: int) -> ModelVersion:
        said = self._claims.read(name, version)
        if self._is_deleted(name, version):
            raise self._absent(name, version)
        made = _made_of(self.store.open(files_path(name, said["files"])), name, version)
        if (made.digest, made.run_id) != (said["digest"], said["run_id"]):
            raise IntegrityError(
                f"{made.uri} holds another model than the one that became {name}:{version}; see "
                f"`retrain verify {made.uri}`"
            )
        return made

    def _aliases_of(self, name: str) -> Aliases:
        return Aliases(self.store, name)

    def _is_deleted(self, name: str, version: int) -> bool:
        return self.store.exists(deleted_path(name, version))

    def _version_of_run(self, name: str, run: str) -> int | None:
        """The version that a run's final weights got."""
        mine = files_path(name, place_of(run, "final", ""))
        found = [one.version for one in self.list(name) if one.uri.startswith(mine)]
        return found[0] if found else None

    def _has(self, one: ModelSummary, tags: Mapping[str, str]) -> bool:
        return tags.items() <= self.labels(one.name, one.version).tags.items()

    def _require_free(self, name: str, version: int) -> None:
        pointing = [alias for alias, to in self.aliases(name).items() if to == version]
        if pointing:
            raise InputError(
                f"{name}:{version} is {name}@{pointing[0]}, and what an alias points to is not "
                f"deleted; move it first, as with: retrain models rollback {name}@{pointing[0]}"
            )

    def _absent(self, name: str, version: int) -> NotFoundError:
        numbers = self.numbers(name)
        if not numbers:
            known = did_you_mean(name, self.names())
            return NotFoundError(f"there is no model {name!r} in {self.url}; {known}")
        what = f"has no version {version}"
        if self._is_deleted(name, version):
            what = f"version {version} was deleted"
        elif version in numbers:
            what = f"version {version} has lost its files (see `retrain verify`)"
        return NotFoundError(f"model {name!r} {what}; it has {numbers[0]} to {numbers[-1]}")

    def _version(self, reference: ModelReference) -> int | None:
        if reference.alias is None:
            return reference.version
        version = self.alias(reference.name, reference.alias)
        if version is None:
            known = self.aliases(reference.name)
            raise NotFoundError(
                f"model {reference.name!r} has no alias {reference.alias!r}; "
                f"{did_you_mean(reference.alias, known)}"
            )
        return version


def _made_of(commit: Commit, name: str, version: int) -> ModelVersion:
    card = card_of(commit)
    return ModelVersion(name, version, commit.metadata["digest"], card, commit.path)


def this_user() -> str:
    """Who is at work, for a history: `user@machine`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "somebody"
    return f"{user}@{platform.node()}"
