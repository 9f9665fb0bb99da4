"""The registry: name → versions 1, 2, 3 …, each immutable.

In the store, under `models/NAME`::

    claims/00000003.json         who may commit version 3: made exclusively, before all else
    runs/RUN.STAGE.DIGEST.json   which version a run's weights got: registering again is harmless
    versions/00000003            the version: weights, feature pipeline, its card in the manifest
    aliases/champion/00000007.json   the seventh version that an alias was given

A process that dies between two of these leaves a claim without a version; the run that owns the
claim finds it when it is started again, and completes it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from training.artifacts import Pointer, encode
from training.artifacts import digest as digest_of
from training.artifacts.names import name_of
from training.errors import ExistsError, IntegrityError, NotFoundError, did_you_mean
from training.registry.reference import ModelReference

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping

    from training.artifacts import ArtifactStore, Commit, Move
    from training.types import StateTree

_NUMBER = re.compile(r"[1-9][0-9]{0,7}")

WEIGHTS_FILE = "weights.safetensors"
PIPELINE_FILE = "pipeline.safetensors"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        name: of the model.
        version: 1, 2, 3 …
        digest: of the weights.
        card: run_id, epoch, metrics, config, spec, fingerprint, features, parent, environment.
        uri: where it lies in the store.
    """

    name: str
    version: int
    digest: str
    card: dict[str, Any]
    uri: str

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured before it was registered."""
        metrics: dict[str, float] = self.card["metrics"]
        return metrics

    @property
    def run_id(self) -> str:
        """The training that made it."""
        return str(self.card["run_id"])

    def to_json(self) -> dict[str, Any]:
        """Name, version, digest: what travels between tasks."""
        return {"name": self.name, "version": self.version, "digest": self.digest}


class ModelSummary(NamedTuple):
    """One version of a model in short, for lists.

    Attributes:
        name: of the model.
        version: 1, 2, 3 …
        digest: of the weights.
        run_id: the training that made it.
        metrics: those that are finite numbers.
        uri: where it lies in the store.
    """

    name: str
    version: int
    digest: str
    run_id: str
    metrics: dict[str, float]
    uri: str


@dataclass(slots=True)
class _Claims:
    """Of one model.

    Attributes:
        newest: the highest number that is claimed.
        unfollowed: numbers that were claimed and that no version followed.
    """

    newest: int
    unfollowed: builtins.list[int]


class ModelRegistry:
    """Registered models in an `ArtifactStore`."""

    def __init__(self, store: ArtifactStore) -> None:
        """Keep versions in this store."""
        self.store = store
        self._claims: dict[str, _Claims] = {}

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
        digest = digest_of(weights)
        card = {**card, "run_id": str(card["run_id"])}
        owner = {"run_id": card["run_id"], "stage": stage, "digest": digest}
        version = self._claim(name, owner)
        path = _version_path(name, version)
        files = {WEIGHTS_FILE: encode(weights), PIPELINE_FILE: encode(pipeline)}
        with suppress(ExistsError):  # registered before: `get` returns that version
            self.store.commit(path, files, {"digest": digest, "card": card})
        made = self.get(ModelReference(name, version))
        if (made.digest, made.run_id) != (digest, card["run_id"]):
            raise IntegrityError(
                f"{path} holds the model of run {made.run_id}, though {card['run_id']} has claimed "
                f"it: a claim was lost; see `retrain verify {name}`"
            )
        return made

    def get(self, reference: ModelReference | str) -> ModelVersion:
        """A version, the newest where none is named.

        Raises:
            NotFoundError: no such model or version.
            IntegrityError: its manifest is damaged.
        """
        if isinstance(reference, str):
            reference = ModelReference.parse(reference)
        name = reference.name
        version = self._version(reference) or max(self.numbers(name), default=0)
        path = _version_path(name, version)
        try:
            commit = self.store.open(path)
        except NotFoundError:
            raise self._absent(name, version) from None
        card = _card(commit)
        return ModelVersion(name, version, commit.metadata["digest"], card, path)

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of a model that point to a version.

        Raises:
            IntegrityError: one is damaged.
        """
        found = {
            alias: self.alias(name, alias) for alias in self.store.children(_aliases_path(name))
        }
        return {alias: version for alias, version in found.items() if version is not None}

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias points to; None: it points to none.

        Raises:
            IntegrityError: its newest entry is damaged; an older one is never taken for it.
        """
        value = self._pointer(name, alias).value
        if value is None or (isinstance(value, str) and _NUMBER.fullmatch(value)):
            return int(value) if value else None
        raise IntegrityError(
            f"the alias {alias!r} of model {name!r} points to {str(value)[:100]!r}, which is no "
            f"version; set it again ({_aliases_path(name)}/{alias})"
        )

    def alias_history(self, name: str, alias: str) -> list[Move]:
        """What an alias was moved to, when and why; the newest first."""
        return list(self._pointer(name, alias).history())

    def set_alias(
        self, name: str, alias: str, version: int | None, *, expect: int | None, why: str = ""
    ) -> None:
        """Point an alias to a version, if it points to what is expected; durable on return.

        Args:
            name: of the model.
            alias: `champion`, or any name.
            version: which must be there; None: the alias points to none from here on.
            expect: the version that it points to now; None: none.
            why: for the history.

        Raises:
            ConflictError: it points to another one: somebody moved it first.
            NotFoundError: there is no such version.
        """
        if version is not None:
            self.get(ModelReference(name, version))
        self._pointer(name, alias).move(_text(version), expect=_text(expect), why=why)

    def _pointer(self, name: str, alias: str) -> Pointer:
        return Pointer(self.store, f"{_aliases_path(name)}/{name_of(alias)}")

    def list(self, name: str) -> list[ModelSummary]:
        """All versions of a model in short, the newest first, however many; none: no such model.

        Versions whose manifest is damaged are logged and left out.
        """
        found = self.store.summaries(_versions_path(name), "model", _summary)
        return [
            ModelSummary(
                name, said["version"], said["digest"], said["run_id"], said["metrics"], path
            )
            for path, said in sorted(found.items(), reverse=True)
        ]

    def names(self) -> builtins.list[str]:
        """Models that have a version."""
        return [name for name in self.store.children("models") if self.numbers(name)]

    def numbers(self, name: str) -> builtins.list[int]:
        """Version numbers of a model, ascending; none when there is no such model."""
        return sorted(map(int, self.store.numbered(_versions_path(name))))

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

    def _absent(self, name: str, version: int) -> NotFoundError:
        numbers = self.numbers(name)
        if not numbers:
            known = did_you_mean(name, self.names())
            return NotFoundError(f"there is no model {name!r} in {self.store.url}; {known}")
        return NotFoundError(
            f"model {name!r} has no version {version}; it has {numbers[0]} to {numbers[-1]}"
        )

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

    def _claim(self, name: str, owner: dict[str, str]) -> int:
        """The version number that this run's weights have, or get now."""
        note = note_path(name, owner)
        if self.store.exists(note):
            return int(self.store.document(note)["version"])
        version = self._own_claim(name, owner) or self._new_claim(name, owner)
        self.store.create(note, {"version": version})
        self._known(name).unfollowed.remove(version)
        return version

    def _own_claim(self, name: str, owner: dict[str, str]) -> int | None:
        """A claim that this run made before it died, and that no version followed."""
        for number in self._known(name).unfollowed:
            if self.store.document(_claim_path(name, number)) == owner:
                return number
        return None

    def _new_claim(self, name: str, owner: dict[str, str]) -> int:
        known = self._known(name)
        while True:
            known.newest += 1
            if self.store.exists(_version_path(name, known.newest)):
                continue  # its claim was lost
            try:
                self.store.create(_claim_path(name, known.newest), owner)
            except ExistsError:
                known.newest = max(known.newest, self._listed(name).newest)
                continue  # another run was quicker: the next number
            known.unfollowed.append(known.newest)
            return known.newest

    def _known(self, name: str) -> _Claims:
        """What this process has seen; an exclusive create tells what others have claimed since."""
        if name not in self._claims:
            self._claims[name] = self._listed(name)
        return self._claims[name]

    def _listed(self, name: str) -> _Claims:
        claims = {int(item[:8]) for item in self.store.numbered(f"models/{name}/claims")}
        versions = set(self.numbers(name))
        return _Claims(max(claims | versions, default=0), sorted(claims - versions))


def _claim_path(name: str, version: int) -> str:
    return f"models/{name}/claims/{version:08d}.json"


def note_path(name: str, owner: Mapping[str, str]) -> str:
    """Where it stands which version a run's weights got.

    Args:
        name: of the model.
        owner: what a claim says: `run_id`, `stage`, `digest`.
    """
    short = owner["digest"].partition(":")[2][:16]
    return f"models/{name}/runs/{owner['run_id']}.{owner['stage']}.{short}.json"


def _aliases_path(name: str) -> str:
    return f"models/{name}/aliases"


def _text(version: int | None) -> str | None:
    return None if version is None else str(version)


def _versions_path(name: str) -> str:
    return f"models/{name}/versions"


def _version_path(name: str, version: int) -> str:
    return f"{_versions_path(name)}/{version:08d}"


def _card(commit: Commit) -> dict[str, Any]:
    """The card of a version, with what every card has.

    Raises:
        IntegrityError: it is none: whoever may write there may have put anything.
    """
    card, digest = commit.metadata.get("card"), commit.metadata.get("digest")
    if isinstance(card, dict) and isinstance(digest, str) and isinstance(card.get("run_id"), str):
        metrics = card.get("metrics")
        if isinstance(metrics, dict) and all(isinstance(m, int | float) for m in metrics.values()):
            return dict(card)
    raise IntegrityError(f"{commit.path} holds no registered model; remove it")


def _summary(commit: Commit) -> dict[str, Any]:
    card = _card(commit)
    return {
        "version": int(commit.path.rpartition("/")[2]),
        "digest": commit.metadata["digest"],
        "run_id": card["run_id"],
        "metrics": _finite(card["metrics"]),
    }


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if isfinite(value)}
