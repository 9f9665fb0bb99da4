"""Files that somebody made to do harm, or that went bad before they were sealed."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import orjson
import pytest

from training.artifacts import decode, encode
from training.artifacts.tensors import MAX_HEADER
from training.errors import IntegrityError


def entry(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


def file_of(header: object, body: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else orjson.dumps(header)
    return len(text).to_bytes(8, "little") + text + body


def with_tree(tree: object) -> bytes:
    text = tree if isinstance(tree, str) else orjson.dumps(tree).decode()
    return file_of({"__metadata__": {"tree": text}, "a": entry()})


HOSTILE = {
    "nothing": b"",
    "shorter than a length": b"\x01\x00",
    "a header longer than the file": (2**63).to_bytes(8, "little") + b"{}",
    "a header longer than allowed": (MAX_HEADER + 1).to_bytes(8, "little") + bytes(MAX_HEADER + 9),
    "a header longer than allowed, of spaces": file_of(b"{}" + b" " * MAX_HEADER, b""),
    "no JSON": file_of(b"{"),
    "no object": file_of([]),
    "nested without end": file_of(b"[" * 1_000_000),
    "objects without end": file_of(b'{"a":' * 1_000_000),
    "an entry that is none": file_of({"a": 1}),
    "an entry with too little": file_of({"a": {"dtype": "F32", "shape": [2]}}),
    "an entry with too much": file_of({"a": entry(more=1)}),
    "an unknown type": file_of({"a": entry(dtype="F128")}),
    "a type that is no text": file_of({"a": entry(dtype=["F32"])}),
    "a shape that is no list": file_of({"a": entry(shape=2)}),
    "a negative shape": file_of({"a": entry(shape=[-2, -1])}),
    "a shape of fractions": file_of({"a": entry(shape=[2.0])}),
    "a shape of truths": file_of({"a": entry(shape=[True, 2])}),
    "a shape of another size": file_of({"a": entry(shape=[3])}),
    "a shape that overflows": file_of({"a": entry(shape=[2**62, 4, 2])}),
    "an empty shape that overflows": file_of(
        {"a": entry(shape=[0, 2**63 - 1, 2**63 - 1], data_offsets=[0, 0])}, b""
    ),
    "a shape of a million sides": file_of({"a": entry(shape=[1] * 1_000_000 + [2])}),
    "offsets outside": file_of({"a": entry(shape=[4], data_offsets=[0, 16])}),
    "offsets backwards": file_of({"a": entry(data_offsets=[8, 0])}),
    "three offsets": file_of({"a": entry(data_offsets=[0, 8, 8])}),
    "offsets that overlap": file_of(
        {"a": entry(), "b": entry(shape=[1], data_offsets=[4, 8])},
    ),
    "a gap": file_of({"a": entry(data_offsets=[4, 12])}, bytes(12)),
    "bytes that belong to nobody": file_of({"a": entry()}, bytes(9)),
    "an array inside an array": file_of(
        {"a": entry(), "a/b": entry(data_offsets=[8, 16])}, bytes(16)
    ),
    "an array over a group": file_of({"a/b": entry(), "a": entry(data_offsets=[8, 16])}, bytes(16)),
    "names nested without end": file_of({"/" * 100_000: entry()}),
    "metadata that is none": file_of({"__metadata__": 3, "a": entry()}),
    "a tree that is no text": file_of({"__metadata__": {"tree": {}}, "a": entry()}),
    "a tree that is no JSON": with_tree("{"),
    "a tree nested too deep": with_tree("[" * 200 + "]" * 200),
    "a tree that is no object": with_tree({"$array": 0}),
    "a tree without the array": with_tree({}),
    "a tree with the array twice": with_tree({"a": {"$array": 0}, "$": 1}),
    "a tree with another array": with_tree({"b": {"$array": 0}}),
    "a tree with an unknown mark": with_tree({"a": {"$array": 0}, "b": {"$pickle": "x"}}),
    "a tree with a mark among keys": with_tree(
        {"a": {"$array": 0}, "b": {"$float": "nan", "c": 1}}
    ),
    "a number that is none": with_tree({"a": {"$array": 0}, "b": {"$int": "x"}}),
    "a float that is none": with_tree({"a": {"$array": 0}, "b": {"$float": ["nan"]}}),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_malformed_file_is_refused(data: bytes) -> None:
    """It is named, and no more memory is taken than some times the file's size."""
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="runs/r/state"):
            decode(data, "runs/r/state")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20 + 40 * len(data)


def test_every_shorter_file_is_refused() -> None:
    """There is no length at which half a file passes for a whole one."""
    data = b"".join(encode({"a": np.arange(3), "b": [1, 2.5, "x"]}).buffers())
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            decode(data[:length], "x")


def test_no_changed_header_does_more_than_be_refused() -> None:
    """Any byte of the header can be anything: a tree or an IntegrityError, no other error."""
    data = bytearray(b"".join(encode({"a": np.arange(3), "b": [1, 2.5, "x"]}).buffers()))
    random = np.random.default_rng(5)
    for _ in range(3000):
        place = int(random.integers(len(data) - 24))
        changed = bytearray(data)
        changed[place] = int(random.integers(256))
        try:
            decode(changed, "x")
        except IntegrityError:
            continue
