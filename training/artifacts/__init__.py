"""Storage: immutable artifacts, committed atomically, verified on every read."""

from training.artifacts.decoding import decode
from training.artifacts.store import ArtifactStore, Commit
from training.artifacts.tensors import Encoded, digest, encode
from training.artifacts.verify import Problem, Verification
from training.artifacts.versions import ArtifactRef

__all__ = [
    "ArtifactRef",
    "ArtifactStore",
    "Commit",
    "Encoded",
    "Problem",
    "Verification",
    "decode",
    "digest",
    "encode",
]
