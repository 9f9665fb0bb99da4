"""A coverage-guided fuzzer over everything that reads what somebody else may have written."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import orjson
import pytest

from training.artifacts import ArtifactStore, encode
from training.artifacts.documents import seal
from training.artifacts.segments import split
from training.config.model import MlpConfig
from training.models import ModelFactory
from training.types import ModelSpec, Segmented

ROOT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("RETRAIN_FUZZ_SECONDS", "60"))
MEMORY = 1024
"""Megabytes, of a process that has pandas imported."""

FINDS = Path(__file__).parent / "finds"
"""What the fuzzer found once, by target: given to it, and replayed, ever since."""
TARGETS = ("weights", "model", "pieces", "document", "manifest", "configuration", "yaml", "csv")


def manifests(folder: Path) -> list[bytes]:
    """The body of one, as it is written."""
    store = ArtifactStore(folder / "store")
    store.commit("runs/r/checkpoints/1", {"state": encode({"w": np.ones(2)})}, {"epoch": 1})
    found = ArtifactStore(folder / "store")
    text = (Path(found.url) / "runs/r/checkpoints/1/manifest.json").read_bytes()
    return [text[len(b'{"body":') : text.rindex(b',"sha256"')]]


def seeds(target: str, folder: Path) -> list[bytes]:
    """What the fuzzer begins with: real ones."""
    built = ModelFactory().get_model(MlpConfig(hidden=(2,)), ModelSpec(inputs=3))
    tree = {"weights": {"a": np.arange(3.0), "b/c": np.ones((2, 2), "f4")}, "n": [1, None, "é"]}
    if target in {"weights", "model"}:
        trees = [tree, built.state_dict(), {"w": np.ones(2)}]
        return [b"".join(bytes(piece) for piece in encode(one).buffers()) for one in trees]
    if target == "pieces":
        return [orjson.dumps(split(Segmented(np.arange(9.0).reshape(3, 3), 2), "a", {}))]
    if target == "document":
        return [seal({"schema": 1, "epoch": 3, "text": "é", "list": [1.5, None]})]
    if target == "manifest":
        return manifests(folder)
    if target == "configuration":
        return [
            b'{"name":"m","model":{"type":"mlp","hidden":[4]},"training":{"epochs":2}}',
            b'{"data":{"source":{"type":"csv","path":"p"},"split":{"validation":0.2}}}',
            b'{"callbacks":[{"type":"early_stopping","monitor":"val_loss"}]}',
        ]
    if target == "yaml":
        return [path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))]
    return [b"date,open,close\n2024-01-02,1.5,2\n2024-01-03,,3e5\n", b'a;b\n"x\n";1\n']


def corpus_of(target: str, folder: Path) -> Path:
    """A folder with what the fuzzer begins with."""
    corpus = folder / "corpus" / target
    corpus.mkdir(parents=True)
    finds = sorted((FINDS / target).glob("*"))
    for number, data in enumerate([*seeds(target, folder), *(path.read_bytes() for path in finds)]):
        (corpus / f"{number:04d}").write_bytes(data)
    return corpus


def run(folder: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """The fuzzer in a process of its own: what it watches for cannot be taken back."""
    command = [sys.executable, "-m", "tests.security.fuzz", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 120, check=False,
        env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip


def test_no_bytes_did_harm_before(tmp_path: Path) -> None:
    """Real files, what was found once, and a hundred mutations a target."""
    for target in TARGETS:
        corpus_of(target, tmp_path)
    done = run(tmp_path, "replay", str(tmp_path / "corpus"), "100", seconds=60)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{len(TARGETS)} targets\n"


@pytest.mark.long
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this system")
@pytest.mark.parametrize("target", TARGETS)
def test_no_bytes_do_harm(target: str, tmp_path: Path) -> None:
    """An error of this project's or none, in bounded time and memory; nothing is executed."""
    corpus = corpus_of(target, tmp_path)
    flags = [
        f"-max_total_time={SECONDS}", f"-rss_limit_mb={MEMORY}", "-timeout=10", "-seed=37",
        "-max_len=4096", f"-artifact_prefix={tmp_path}/found-", str(corpus),
    ]  # fmt: skip
    done = run(tmp_path, target, *flags, seconds=SECONDS)
    found = [path.read_bytes()[:500] for path in tmp_path.glob("found-*")]
    assert done.returncode == 0, (done.stderr[-3000:], found)
    assert "Done " in done.stderr
