"""Storage: immutable artifacts, committed atomically, verified on every read."""

from training.artifacts.decoding import decode
from training.artifacts.pointers import ANYTHING, Move, Pointer
from training.artifacts.store import ArtifactStore, Commit
from training.artifacts.tensors import Encoded, digest, encode
from training.artifacts.verify import Problem, Verification
from training.artifacts.versions import ArtifactRef

__all__ = [
    "ANYTHING",
    "ArtifactRef",
    "ArtifactStore",
    "Commit",
    "Encoded",
    "Move",
    "Pointer",
    "Problem",
    "Verification",
    "decode",
    "digest",
    "encode",
]
