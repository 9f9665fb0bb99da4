"""What reads bytes that somebody else wrote, for a fuzzer.

Whatever a target raises but this project's own errors is a find, and so is whatever is executed,
connected to, deleted or opened for writing on the way.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from training.artifacts.decoding import decode
from training.artifacts.documents import seal, unseal
from training.artifacts.manifest import Manifest
from training.artifacts.segments import join
from training.config.load import parse_config
from training.config.model import MlpConfig
from training.config.sources import CsvSource
from training.config.strict_yaml import parse_yaml
from training.data.sources import read_rows
from training.errors import IntegrityError
from training.models import ModelFactory
from training.types import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

FORBIDDEN = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
    "pickle.find_class", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link",
    "os.mkdir", "os.chmod", "os.chown", "shutil.rmtree", "ftplib.connect",
}  # fmt: skip
LARGEST_PIECE = 2**20
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def forbid(event: str, arguments: tuple[Any, ...]) -> None:
    """End the process at what no reader may do: an exception could be caught on the way."""
    if event in FORBIDDEN or (event == "open" and arguments[2] & WRITES):
        sys.stderr.write(f"forbidden: {event}{arguments}\n")
        sys.stderr.flush()
        os.abort()


class OneFile:
    """A file that gets other bytes each time, without being opened for it."""

    def __init__(self, folder: str, name: str) -> None:
        self.path = Path(folder) / name
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT)

    def filled(self, data: bytes) -> Path:
        """The path, with these bytes under it."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)
        return self.path


def manifest(data: bytes) -> None:
    """An attacker seals what was changed."""
    Manifest.from_bytes(seal(_object(data)), "runs/r/checkpoints/1", "manifest.json")


def model(data: bytes) -> None:
    """What verified and decoded becomes the state of a model."""
    built = ModelFactory().get_model(MlpConfig(hidden=(2,)), ModelSpec(inputs=3))
    built.load_state_dict(decode(data, "state"))


def pieces(data: bytes) -> None:
    """How an array in pieces is described; a piece is of any content, and at most of 1 MB."""

    def read(path: str, memory: memoryview) -> None:
        if memory.nbytes > LARGEST_PIECE:
            raise IntegrityError(f"{path} is not there")
        memory[:] = bytes(memory.nbytes)

    join(_object(data), "array", read)


def targets(folder: str) -> dict[str, Callable[[bytes], object]]:
    """By name, what takes any bytes; anything but this project's own errors is a find."""
    yaml, csv = OneFile(folder, "config.yaml"), OneFile(folder, "prices.csv")
    return {
        "weights": lambda data: decode(data, "weights"),
        "model": model,
        "pieces": pieces,
        "document": lambda data: unseal(data, "run.json"),
        "manifest": manifest,
        "configuration": lambda data: parse_config(_object(data)),
        "yaml": lambda data: parse_yaml(yaml.filled(data)),
        "csv": lambda data: read_rows(CsvSource(path=str(csv.filled(data)))),
    }


class NotThisTimeError(Exception):
    """The fuzzer made no JSON; what reads JSON is another target."""


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise NotThisTimeError from None
    if not isinstance(found, dict):
        raise NotThisTimeError
    return found
