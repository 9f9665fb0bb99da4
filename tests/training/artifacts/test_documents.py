"""Sealed documents."""

from __future__ import annotations

import json
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.artifacts.documents import MAX_DOCUMENT, seal, seal_at, unseal, unseal_at
from training.errors import IntegrityError, StorageError

BODY = st.dictionaries(
    st.text(max_size=4) | st.sampled_from(["$int", "$float", "$$"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=10,
    ),
    max_size=4,
)


@given(BODY)
def test_a_body_comes_back_exactly(body: dict[str, Any]) -> None:
    """Numbers that JSON has no word for, too."""
    found = unseal(seal(body), "x")
    assert json.dumps(found, sort_keys=True) == json.dumps(body, sort_keys=True)


def test_equal_bodies_are_equal_bytes() -> None:
    """The order of keys does not matter."""
    assert seal({"a": 1, "b": 2}) == seal({"b": 2, "a": 1})


def test_a_document_is_json_for_other_programs() -> None:
    """Anybody can look into it, and check it with sha256sum."""
    assert json.loads(seal({"a": [1, None, "é"]})) == {
        "body": {"a": [1, None, "é"]},
        "sha256": sha256('{"a":[1,null,"é"]}'.encode()).hexdigest(),
    }


def test_what_json_calls_a_list_or_an_object_is_one() -> None:
    """A document promises what JSON has, not Python's own types."""
    body = {"a": (1, 2), "b": MappingProxyType({"c": 1})}
    assert unseal(seal(body), "x") == {"a": [1, 2], "b": {"c": 1}}


def test_every_changed_byte_is_found() -> None:
    """Any byte, changed to any other value, and the document is named."""
    data = seal({"epoch": 3, "loss": 0.25})
    for place in range(len(data)):
        for value in set(range(256)) - {data[place]}:
            changed = bytearray(data)
            changed[place] = value
            with pytest.raises(IntegrityError, match=r"runs/r/run\.json"):
                unseal(bytes(changed), "runs/r/run.json")


def test_every_other_length_is_found() -> None:
    """Cut short, or with something behind it."""
    data = seal({"epoch": 3})
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            unseal(data[:length], "x")
    with pytest.raises(IntegrityError):
        unseal(data + b"\n", "x")


def test_other_json_of_the_same_meaning_is_refused() -> None:
    """A document is what was written, to the byte."""
    data = seal({"epoch": 3})
    with pytest.raises(IntegrityError):
        unseal(data.replace(b":3", b": 3"), "x")


def test_a_document_is_bound_to_its_place() -> None:
    """One that was copied to another path is not that path's document."""
    data = seal_at("runs/a/run.json", {"epoch": 3})
    assert unseal_at("runs/a/run.json", data) == {"epoch": 3}
    with pytest.raises(IntegrityError, match=r"'runs/a/run\.json', moved here"):
        unseal_at("runs/b/run.json", data)


@pytest.mark.parametrize("value", [object(), b"x", {1, 2}, {1: 2}, "\ud800"])
def test_what_is_not_plain_is_refused(value: object) -> None:
    """Nothing is turned into text or null in silence."""
    with pytest.raises(StorageError):
        seal({"a": value})


def test_a_document_that_no_reader_would_accept_is_refused() -> None:
    """What is written can be read."""
    with pytest.raises(StorageError, match="at most"):
        seal({"a": "x" * MAX_DOCUMENT})
