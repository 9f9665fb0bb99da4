"""What an estimator remembers goes round exactly, and shares again what it shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.errors import ConfigError

pytest.importorskip("sklearn", reason="scikit-learn is an extra")

from sklearn.preprocessing import LabelBinarizer

from training.models.scikit.state import decode, encode


def round_trip(value: Any) -> Any:  # noqa: ANN401 - any attribute
    return decode(encode({"it": value}))["it"]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 7, 0.5, "text", [1, [2.5, None]], (1, ("a", [2])), {"a": (1,)},
        {1: "one", (2, 3): "two"}, {"kind": "tuple"},
    ],
)  # fmt: skip
def test_plain_values_come_back_as_they_were(value: object) -> None:
    found = round_trip(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [np.float32(0.1), np.int64(3), np.bool_(True), np.uint64(2**63)])
def test_numpy_scalars_keep_their_type(value: np.generic) -> None:
    found = round_trip(value)
    assert found == value
    assert type(found) is type(value)


def test_arrays_keep_the_order_of_their_memory() -> None:
    """It decides in which order BLAS adds up, and so the last bits."""
    rows = np.arange(6.0).reshape(2, 3)
    for array in (rows, np.asfortranarray(rows), rows[:, ::2], np.array(3.0), rows[:0]):
        found = round_trip(array)
        assert np.array_equal(found, array)
        assert found.dtype == array.dtype
        assert found.flags.f_contiguous == np.array(array, order="A").flags.f_contiguous
        assert not np.shares_memory(found, array)


def test_what_was_shared_is_shared_again() -> None:
    """scikit-learn's optimizers write into arrays that their estimator holds too."""
    shared, parts = np.zeros(3), [np.ones(2)]
    found = decode(encode({"a": shared, "b": {"c": [shared, parts[0]]}, "d": parts}))
    found["a"][0] = 5
    assert found["b"]["c"][0][0] == 5
    assert found["b"]["c"][1] is found["d"][0]


def test_generators_draw_on() -> None:
    old, new = np.random.RandomState(3), np.random.default_rng(3)
    old.normal(size=3)
    new.normal(size=3)
    found_old, found_new = round_trip(old), round_trip(new)
    assert found_old.normal() == old.normal()
    assert found_new.normal() == new.normal()


def test_objects_of_the_table_and_arrays_of_them() -> None:
    inside = LabelBinarizer().fit([0, 1, 2])
    array = np.array([[inside, None]], dtype=object)
    found = round_trip(array)
    assert found.shape == (1, 2)
    assert np.array_equal(found[0, 0].transform([2, 0]), inside.transform([2, 0]))


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", np.array(["a"]), lambda: 1, int, 1j])
def test_what_cannot_be_stored_is_named(value: object) -> None:
    with pytest.raises(ConfigError, match=r"it\.x\[0\] is .*cannot be stored"):
        encode({"it": {"x": [value]}})
