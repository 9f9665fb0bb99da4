"""`ModelRegistry` over an MLflow tracking server and registry (extra `mlflow`).

Where things are: a version is MLflow's own model version, and points to an MLflow run that has the
metrics, the configuration as parameters, and under `model/` weights, feature pipeline and card;
aliases and tags are MLflow's, so is the description. What MLflow does not keep lies in tags that
begin with `retrain.`: digests, the run that made it, the history of aliases.

Besides what MLflow cannot promise (a compare-and-set of aliases at the very same moment, durability
of its artifacts) it behaves as the embedded one does.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from training.artifacts import decode, encode
from training.artifacts import digest as digest_of
from training.errors import InputError, IntegrityError, NotFoundError
from training.registry.labels import Labels, require_tag
from training.registry.mlflow.aliases import MlflowAliases
from training.registry.mlflow.server import RunDocuments, Server, told_plainly
from training.registry.registry import PIPELINE_FILE, WEIGHTS_FILE, ModelRegistry, this_user
from training.registry.version import ModelSummary, ModelVersion

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping

    from training.registry.claims import CommittedFiles
    from training.registry.documents import Documents
    from training.types import StateTree

CARD_FILE = "card.json"
FOLDER = "model"
OURS = "retrain."
DELETED = f"{OURS}deleted."


class MlflowRegistry(ModelRegistry):
    """Registered models on an MLflow server."""

    def __init__(self, url: str) -> None:
        """Keep versions on this server; nothing is asked yet.

        Args:
            url: of the tracking server, such as `http://127.0.0.1:5000`.
        """
        self.server = Server(url)
        self._cards: dict[tuple[str, int], ModelVersion] = {}

    @property
    def url(self) -> str:
        """Of the server."""
        return self.server.url

    @property
    def documents(self) -> Documents:
        """Artifacts of the runs that made the versions."""
        return RunDocuments(self.server, lambda name, version: self._raw(name, version).run_id)

    def save_model(
        self,
        name: str,
        weights: dict[str, StateTree],
        pipeline: dict[str, StateTree],
        card: Mapping[str, Any],
        stage: str = "final",
    ) -> ModelVersion:
        """Register a model; the same weights of the same run give the same version again.

        Raises:
            StorageError: nothing was registered.
        """
        digest = digest_of(weights)
        card = {**card, "run_id": str(card["run_id"])}
        files = {
            WEIGHTS_FILE: b"".join(encode(weights).buffers()),
            PIPELINE_FILE: b"".join(encode(pipeline).buffers()),
            CARD_FILE: json.dumps(card, sort_keys=True).encode(),
        }
        owner = {f"{OURS}run_id": card["run_id"], f"{OURS}stage": stage, f"{OURS}digest": digest}
        self.server.ensure_model(name)
        for raw in self.server.versions(name):
            if owner.items() <= raw.tags.items():
                return self._read(name, int(raw.version))
        run = self.server.new_run(name, card["run_id"], owner)
        metrics = {key: value for key, value in card["metrics"].items() if isfinite(value)}
        self.server.log(run, metrics, _flat(card.get("config") or {}))
        self.server.upload(run, FOLDER, files)
        sums = {f"{OURS}{file}": _sum(content) for file, content in files.items()}
        parent = card.get("started_from")
        lineage = {f"{OURS}started_from": str(parent)} if parent else {}
        with told_plainly(self.url):
            source = self.server.client.get_run(run).info.artifact_uri
            made = self.server.client.create_model_version(
                name, f"{source}/{FOLDER}", run, tags=owner | sums | lineage
            )
            self.server.client.set_terminated(run)
        return self._read(name, int(made.version))

    def commit_files(
        self,
        name: str,
        weights: dict[str, StateTree],
        pipeline: dict[str, StateTree],
        card: Mapping[str, Any],
        stage: str = "final",
    ) -> CommittedFiles:
        """Not apart from `save_model`: MLflow's versions belong to runs of its own.

        Raises:
            InputError: always.
        """
        raise InputError(f"{name}: on MLflow files and number are made at once; use save_model")

    def claim(self, files: CommittedFiles) -> ModelVersion:
        """Not apart from `save_model`.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"{files.name}: on MLflow files and number are made at once; use save_model"
        )

    def names(self) -> builtins.list[str]:
        """Models that have a version."""
        with told_plainly(self.url):
            found = [model.name for model in self.server.client.search_registered_models()]
        return sorted(name for name in found if self.numbers(name))

    def numbers(self, name: str) -> builtins.list[int]:
        """Version numbers of a model, ascending; none when there is no such model."""
        return sorted(int(raw.version) for raw in self.server.versions(name))

    def list(self, name: str, tags: Mapping[str, str] | None = None) -> builtins.list[ModelSummary]:
        """All versions of a model in short, the newest first; none: no such model."""
        listed = []
        for number in reversed(self.numbers(name)):
            one = self._read(name, number)
            metrics = {key: value for key, value in one.metrics.items() if isfinite(value)}
            listed.append(ModelSummary(name, number, one.digest, one.run_id, metrics, one.uri))
        return [one for one in listed if not tags or self._has(one, tags)]

    def weights(self, version: ModelVersion) -> dict[str, StateTree]:
        """Its weights, every byte checked.

        Raises:
            IntegrityError: bytes are not what was registered.
        """
        return self._tree(version, WEIGHTS_FILE)

    def pipeline(self, version: ModelVersion) -> dict[str, StateTree]:
        """The state of its feature pipeline, every byte checked.

        Raises:
            IntegrityError: bytes are not what was registered.
        """
        return self._tree(version, PIPELINE_FILE)

    def labels(self, name: str, version: int) -> Labels:
        """Tags and description of a version."""
        raw = self._raw(name, version)
        tags = {key: value for key, value in raw.tags.items() if not key.startswith(OURS)}
        who, at = (raw.tags.get(f"{OURS}labels.{key}", "") for key in ("who", "at"))
        return Labels(dict(sorted(tags.items())), raw.description or "", who, at)

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
        self._raw(name, version)
        number = str(version)
        for tag in tags or {}:
            require_tag(tag)
        client = self.server.client
        with told_plainly(self.url):
            for tag, value in (tags or {}).items():
                if value is None:
                    client.delete_model_version_tag(name, number, tag)
                else:
                    client.set_model_version_tag(name, number, tag, value)
            if description is not None:
                client.update_model_version(name, number, description)
            client.set_model_version_tag(name, number, f"{OURS}labels.who", who or this_user())
        return self.labels(name, version)

    def delete(self, name: str, version: int, *, why: str = "", who: str | None = None) -> None:
        """Delete a version; MLflow never gives its number again. Its run stays, for its history.

        Raises:
            NotFoundError: there is no such version.
            InputError: an alias points to it.
        """
        self._raw(name, version)
        self._require_free(name, version)
        note = json.dumps({"why": why, "who": who or this_user()})
        with told_plainly(self.url):
            self.server.client.set_registered_model_tag(name, f"{DELETED}{version:08d}", note)
            self.server.client.delete_model_version(name, str(version))
        self._cards.pop((name, version), None)

    def _read(self, name: str, version: int) -> ModelVersion:
        if (name, version) not in self._cards:
            raw = self._raw(name, version)
            card = json.loads(self._bytes(raw, CARD_FILE))
            digest = raw.tags[f"{OURS}digest"]
            uri = f"{FOLDER}s/{name}/versions/{version:08d}"
            self._cards[name, version] = ModelVersion(name, version, digest, card, uri)
        return self._cards[name, version]

    def _raw(self, name: str, version: int) -> Any:  # noqa: ANN401 - MLflow is an extra
        """A version as MLflow tells of it.

        Raises:
            NotFoundError: there is none.
        """
        found = [raw for raw in self.server.versions(name) if int(raw.version) == version]
        if not found:
            raise NotFoundError(f"model {name!r} has no version {version} in {self.url}")
        return found[0]

    def _tree(self, version: ModelVersion, file: str) -> dict[str, StateTree]:
        raw = self._raw(version.name, version.version)
        return decode(bytearray(self._bytes(raw, file)), f"{version}, {file}")

    def _bytes(self, raw: Any, file: str) -> bytes:  # noqa: ANN401 - MLflow is an extra
        """An artifact, checked before a parser sees it."""
        content = self.server.download(raw.run_id, f"{FOLDER}/{file}")
        if raw.tags.get(f"{OURS}{file}") != _sum(content):
            raise IntegrityError(
                f"{raw.name}:{raw.version}, {file}: its bytes are not what was registered"
            )
        return content

    def _aliases_of(self, name: str) -> MlflowAliases:
        return MlflowAliases(self.server, name)

    def _is_deleted(self, name: str, version: int) -> bool:
        model = self.server.model(name)
        return model is not None and f"{DELETED}{version:08d}" in model.tags

    def _version_of_run(self, name: str, run: str) -> int | None:
        wanted = {f"{OURS}run_id": run, f"{OURS}stage": "final"}
        found = [raw for raw in self.server.versions(name) if wanted.items() <= raw.tags.items()]
        return int(found[0].version) if found else None


def _sum(content: bytes) -> str:
    return f"blake3:{blake3(content).hexdigest()}"


def _flat(config: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """`training.epochs` and the like, as MLflow shows parameters."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{path}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found
