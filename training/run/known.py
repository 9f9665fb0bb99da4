"""A finished run, found again by the bytes of its source, without reading them as a table.

A run's identity needs the fingerprint of its data, and reading and checking a table takes longer
than all else that a finished run asked for again needs. The same bytes, the same configuration and
the same libraries give the same fingerprint. So a digest of these is kept beside a run that is
finished; whatever does not agree is found out in the long way.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from blake3 import blake3

from training.artifacts.shapes import require
from training.checkpoints import environment
from training.config.sources import CsvSource, ParquetSource, SampleSource
from training.data.sources.sample import sample_file
from training.errors import InputError, StorageError
from training.run.record import RUNS, RunRecord
from training.run.start import Start, decide

if TYPE_CHECKING:
    from training.run.run import TrainingRun

_CHUNK = 2**20
_LARGEST = 2**29
"""Bytes; a digest of more takes longer than it saves."""


def evidence_of(run: TrainingRun) -> str | None:
    """A digest of all that a run's identity follows from; None where files do not say it all."""
    source = run.config.data.source
    alone = run.parent is None and run.start_from is None and not run.config.custom_modules()
    if not alone or not isinstance(source, SampleSource | CsvSource | ParquetSource):
        return None
    file = _file(source)
    if file is None or file.stat().st_size > _LARGEST:
        return None
    said: dict[str, Any] = {
        "identity": run.identity_config(),
        "data": run.config.data.model_dump(mode="json"),
        "slot": run.slot,
        "source": [file.name, _digest(file)],
        "environment": environment(),
    }
    return str(blake3(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest())


def finished_before(run: TrainingRun, evidence: str | None) -> Start | None:
    """How a run starts that is known to be finished: not at all; None: it has to be found out."""
    if evidence is None or run.resume == "never":
        return None
    for name in run.store.children(RUNS):
        named = run.expect in {None, name} and name.startswith(f"{run.config.name}-")
        if named and _evidence(run, name) == evidence:
            with suppress(InputError, StorageError):  # the long way says what is wrong
                run.identify(str(RunRecord(run.store, name).about()["fingerprint"]))
                start = decide(run, run.resume) if run.run_id == name else None
                return start if start and start.is_complete else None
    return None


def keep_evidence(run: TrainingRun, evidence: str | None) -> None:
    """Beside a finished run: what it can be found again by; may be lost."""
    if evidence is not None and _evidence(run, run.run_id) != evidence:
        path = f"{run.record.folder}/source.json"
        run.store.replace(path, {"evidence": evidence}, durable=False)


def _evidence(run: TrainingRun, name: str) -> str | None:
    path = f"{RUNS}/{name}/source.json"
    try:
        body = run.store.document(path)
        return str(require(body, {"evidence": str}, path)["evidence"])
    except (InputError, StorageError):  # there is none, or it is damaged
        return None


def _file(source: SampleSource | CsvSource | ParquetSource) -> Path | None:
    """The local file that is all of the source; None: it is another kind of place, or not there."""
    path = sample_file(source.name) if isinstance(source, SampleSource) else Path(source.path)
    return path if path is not None and path.is_file() else None


def _digest(path: Path) -> str:
    hasher = blake3()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            hasher.update(piece)
    return str(hasher.hexdigest())
