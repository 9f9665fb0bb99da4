"""Trees as files: what comes back, what the digest means, and what other programs read."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from training.artifacts import decode, digest, encode
from training.artifacts.dtypes import DTYPES
from training.artifacts.tensors import MAX_HEADER
from training.errors import StorageError

DTYPE = st.sampled_from([*DTYPES.values(), *(d.newbyteorder(">") for d in DTYPES.values())])
ARRAY = hnp.arrays(
    DTYPE, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
) | hnp.arrays(np.float64, (4, 3)).map(lambda array: array.T[::2, ::-1])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KEY = st.text(max_size=4) | st.sampled_from(["$array", "$$", "a/b", "a~1", "~0", "0", "__tree__"])
TREE = st.dictionaries(
    KEY,
    st.recursive(
        PLAIN | ARRAY,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


def written(tree: dict[str, Any]) -> bytearray:
    return bytearray(b"".join(encode(tree).buffers()))


def assert_same(found: Any, expected: Any) -> None:  # noqa: ANN401 - trees
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray)
        assert found.dtype == expected.dtype.newbyteorder("<")
        assert found.shape == expected.shape
        assert found.tobytes() == expected.astype(found.dtype).tobytes()
    elif isinstance(expected, dict):
        assert type(found) is dict
        assert found.keys() == expected.keys()
        for key, item in expected.items():
            assert_same(found[key], item)
    elif isinstance(expected, list):
        assert type(found) is list
        assert len(found) == len(expected)
        for left, right in zip(found, expected, strict=True):
            assert_same(left, right)
    else:
        assert type(found) is type(expected)
        assert repr(found) == repr(expected)  # tells -0.0 from 0.0, and nan is nan


@given(TREE)
def test_a_tree_comes_back_exactly(tree: dict[str, Any]) -> None:
    """Every value with its type, every array with its bytes, and every container."""
    data = written(tree)
    assert len(data) == encode(tree).nbytes
    assert_same(decode(data, "x"), tree)


@given(TREE)
def test_the_file_depends_on_values_alone(tree: dict[str, Any]) -> None:
    """Order of keys, layout and byte order of arrays do not matter."""

    def disguised(value: Any) -> Any:  # noqa: ANN401 - trees
        if isinstance(value, np.ndarray):
            return value.astype(value.dtype.newbyteorder(), order="F")
        if isinstance(value, dict):
            return {key: disguised(value[key]) for key in reversed(value)}
        return [disguised(item) for item in value] if isinstance(value, list) else value

    assert written(disguised(tree)) == written(tree)
    assert digest(disguised(tree)) == digest(tree)


def test_the_state_of_a_generator_comes_back() -> None:
    """PCG64 has integers of 128 bits."""
    state: dict[str, Any] = dict(np.random.default_rng(3).bit_generator.state)
    assert decode(written(state), "x") == state


def test_arrays_lie_in_the_buffer_aligned_and_writable() -> None:
    """Nothing is copied, and every array starts where its type wants it."""
    tree = {"a": np.ones(3, np.uint8), "b": np.ones(5, np.float16), "c": np.ones(2), "d": np.True_}
    tree["d"] = np.array(tree["d"])
    data = np.frombuffer(written(tree), np.uint8).copy()
    for array in decode(data.data, "x").values():
        assert isinstance(array, np.ndarray)
        assert np.shares_memory(array, data)
        assert array.flags.aligned
        assert array.flags.writeable


def test_contiguous_arrays_are_not_copied_when_written() -> None:
    """The buffers are the memory of the arrays."""
    array = np.arange(6.0).reshape(2, 3)
    _, buffer = encode({"a": array}).buffers()
    assert np.shares_memory(np.frombuffer(buffer, np.uint8), array)


def test_the_digest_tells_every_difference() -> None:
    """A value, a type, a shape or a name that differs gives another digest."""
    trees: list[dict[str, Any]] = [
        {"w": np.zeros(4)},
        {"v": np.zeros(4)},
        {"w": np.zeros((2, 2))},
        {"w": np.zeros(8, np.float32)},
        {"w": np.array([0, 0, 0, -0.0])},
        {"w": {"0": np.zeros(4)}},
        {"w": [np.zeros(4)]},
    ]
    assert len({digest(tree) for tree in trees}) == len(trees)
    assert all(digest(tree).startswith("blake3:") for tree in trees)


def test_the_digest_of_weights_does_not_change_with_versions() -> None:
    """It names models that are registered already."""
    tree: dict[str, Any] = {"layer0": {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    assert digest(tree) == (
        "blake3:0b76ed2decfad4ec9fb083412b4eb087f88d90bfaa77526f3b324c34974c73aa"
    )


def test_the_safetensors_library_reads_our_files() -> None:
    """Names are paths, with dots or whatever the keys have."""
    weights = {"layer.0": {"weight": np.arange(6.0).reshape(2, 3), "n": np.array(3)}}
    found = load(bytes(written({"weights": weights, "epoch": 3})))
    assert set(found) == {"weights/layer.0/weight", "weights/layer.0/n"}
    np.testing.assert_array_equal(found["weights/layer.0/weight"], weights["layer.0"]["weight"])


def test_we_read_files_of_the_safetensors_library() -> None:
    """With metadata of others in it, too."""
    arrays = {"a/x": np.arange(3, dtype=np.int8), "b": np.arange(4.0), "c": np.zeros((0, 2))}
    tree = decode(save(arrays, metadata={"format": "np"}), "x")
    assert_same(tree, {"a": {"x": arrays["a/x"]}, "b": arrays["b"], "c": arrays["c"]})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.zeros(2, np.complex64), "complex64"),
        (np.array(["a"]), "<U1"),
        (np.array([object()]), "object"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64"),
        (np.ma.masked_array([1.0], mask=[True]), "MaskedArray"),
        (np.float32(1), "numpy.float32"),
        ((1, 2), "tuple"),
        ({1}, "set"),
        (b"x", "bytes"),
        ({1: 2}, "the key 1"),
        ("\ud800", "surrogates"),
    ],
)
def test_what_cannot_come_back_is_refused(value: Any, told: str) -> None:  # noqa: ANN401 - what a model may hold by mistake
    """The message names the place and the type."""
    with pytest.raises(StorageError) as refused:
        encode({"state": {"deep": value}})
    assert told in str(refused.value)
    assert told == "surrogates" or "state/deep" in str(refused.value)


def test_a_name_that_the_format_reserves_is_refused() -> None:
    """It would be taken for the metadata."""
    with pytest.raises(StorageError, match="__metadata__"):
        encode({"__metadata__": np.zeros(1)})


def test_a_tree_without_end_is_refused() -> None:
    """One that contains itself has no depth that would do."""
    tree: dict[str, Any] = {}
    tree["self"] = tree
    with pytest.raises(StorageError, match="deeper than 64"):
        encode(tree)


def test_more_text_than_a_reader_accepts_is_refused() -> None:
    """What is written can be read."""
    with pytest.raises(StorageError, match="put long lists into arrays"):
        encode({"text": "x" * MAX_HEADER})
