"""A coverage-guided fuzzer over `targets.py`, and a replay that needs none.

`python -m tests.security.fuzz TARGET [libFuzzer's flags and corpus]` needs atheris.
`python -m tests.security.fuzz replay CORPUS COUNT` gives each target what lies in its folder of the
corpus, and so many mutations of it, the same ones each time.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

REPLAY = len(sys.argv) > 1 and sys.argv[1] == "replay"


def _instrumented() -> Any:  # noqa: ANN401 - of a library without types
    """Inside, what is imported tells which of its lines are reached."""
    if REPLAY or find_spec("atheris") is None:
        return nullcontext()
    import atheris

    return atheris.instrument_imports(include=["training"])


with _instrumented():
    from tests.security.targets import NotThisTimeError, forbid, targets
    from training.errors import RetrainError


def guarded(target: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """The same, which raises only what no target may raise."""

    def one(data: bytes) -> None:
        try:
            target(data)
        except (RetrainError, NotThisTimeError):
            return

    return one


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one target until the flags say that it is enough; exits."""
    import atheris

    one = guarded(targets(tempfile.mkdtemp())[name])
    one(b"")  # what is imported on the way
    atheris.Setup([sys.argv[0], *arguments], one)
    sys.addaudithook(forbid)
    atheris.Fuzz()


def replay(corpus: Path, count: int) -> None:
    """Give each target its corpus, and mutations of it."""
    random = np.random.default_rng(41)
    known = targets(tempfile.mkdtemp())
    inputs = {name: [path.read_bytes() for path in sorted((corpus / name).iterdir())]
              for name in known}  # fmt: skip
    for name, target in known.items():
        guarded(target)(inputs[name][0])  # what is imported on the way
    sys.addaudithook(forbid)
    for name, target in known.items():
        one = guarded(target)
        for data in inputs[name]:
            one(data)
        for _ in range(count):
            one(mutated(inputs[name][random.integers(len(inputs[name]))], random))
    sys.stdout.write(f"{len(known)} targets\n")


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """A few bits flipped, a part lost, doubled, or of other bytes."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 4)):
        start, end = sorted(random.integers(0, len(changed) + 1, 2).tolist())
        kind = random.integers(4)
        if kind == 0 and end < len(changed):
            changed[end] ^= 1 << int(random.integers(8))
        elif kind == 1:
            del changed[start : min(end, start + 16)]
        elif kind == 2:
            changed[start:start] = changed[start:end]
        else:
            changed[start:start] = random.bytes(int(random.integers(1, 9)))
    return bytes(changed)


if __name__ == "__main__":
    if REPLAY:
        replay(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        fuzz(sys.argv[1], sys.argv[2:])
