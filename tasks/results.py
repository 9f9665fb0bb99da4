"""Where task results are kept: plain JSON in the run's storage, sealed, and never believed alone.

Prefect's own result records name the serializer that they are to be read with, so a record that
somebody changed can name pickle and run its code. Here the record is taken apart when it is
written: only plain values are kept; and when it is read, it is put together again with the one
serializer that may be used. A stored file never chooses what is executed.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any, ClassVar

from blake3 import blake3
from prefect.filesystems import WritableFileSystem
from prefect.serializers import JSONSerializer

from training.artifacts import ArtifactStore
from training.errors import StorageError

PLAIN_JSON: JSONSerializer[Any] = JSONSerializer(object_encoder=None, object_decoder=None)
"""No hooks: only what JSON itself can say is written or read."""

_METADATA = ("storage_key", "expiration", "prefect_version", "storage_block_id")


class ResultStorage(WritableFileSystem):
    """Results under `results/` of an artifact store. A result is a pointer and may be lost."""

    _block_type_name: ClassVar[str] = "Retrain Result Storage"
    _block_type_slug: ClassVar[str] = "retrain-result-storage"

    storage: str
    """Folder or URL of the artifact store."""

    @cached_property
    def store(self) -> ArtifactStore:
        """Where they are."""
        return ArtifactStore(self.storage)

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override] # noqa: FBT001, FBT002 - Prefect calls it with _sync
        """The record of a result.

        Raises:
            RetrainError: there is none, or it is damaged; Prefect then runs the task.
        """
        body = self.store.document(self._place(path))
        if not isinstance(body.get("metadata"), dict) or "result" not in body:
            raise StorageError(f"{self._place(path)} is no record of a result; remove it")
        serializer = PLAIN_JSON.model_dump(mode="json")
        metadata = body["metadata"] | {"serializer": serializer}
        return json.dumps({"metadata": metadata, "result": json.dumps(body["result"])}).encode()

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override] # noqa: FBT001, FBT002 - as above
        """Keep the plain values of a record."""
        record = json.loads(content)
        metadata = {name: record["metadata"].get(name) for name in _METADATA}
        body = {"metadata": metadata, "result": json.loads(record["result"])}
        self.store.replace(self._place(path), body, durable=False)

    def _place(self, path: str) -> str:
        """A key is `RUN/STEP`; anything else is no result of ours."""
        if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", path):
            raise StorageError(f"{path!r} is no key of a result; expected RUN/STEP")
        return f"results/{path}.json"


def result_storage(storage: str) -> ResultStorage:
    """The block for a storage, saved with the Prefect server as it must be before it is used."""
    slug = f"retrain-{blake3(storage.encode()).hexdigest()[:12]}"
    block = ResultStorage(storage=storage)
    block.save(slug, overwrite=True)
    return block
