"""YAML that was made to do harm: refused in one line, with nothing executed and little memory."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.config.load import load_config
from training.config.strict_yaml import parse_yaml
from training.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
HOSTILE = {
    "a Python object": "name: !!python/object/apply:os.mkdir [executed]",
    "a Python module": "name: !!python/module:subprocess",
    "a Python name": "name: !!python/name:os.system",
    "a tag of one's own": "name: !exec 'mkdir executed'",
    "aliases without end": BOMB,
    "an alias to itself": "a: &a [*a]",
    "a merge": "a: &a {b: 1}\nc: {<<: *a}",
    "lists without end": "a: " + "[" * 100_000,
    "mappings without end": "a: " + "{b: " * 50_000,
    "indents without end": "\n".join(" " * n + f"a{n}:" for n in range(1_200)),
    "a key twice": "name: a\nname: b",
    "a key that is no text": "1: a",
    "a key that is a list": "? [a]\n: b",
    "a number of many digits": "training: {seed: " + "9" * 5000 + "}",
    "a date that is none": "data: {source: {start: 2024-99-99}}",
    "a time that is none": "data: {source: {start: 2024-01-01T99:99:99}}",
    "binary that is none": "name: !!binary '%%%'",
    "a NUL": "name: a\x00b",
    "a byte order": "\ufffename: a",
    "two documents": "name: a\n---\nname: b",
    "no mapping": "[a, b]",
    "a set": "name: !!set {a, b}",
    "an ordered map": "name: !!omap [a: 1]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_yaml_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that names the file."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError) as told:
            load_config(path)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "config.yaml" in str(told.value)
    assert len(str(told.value)) < 2000
    assert peak < 200 * 2**20
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


PIECES = st.sampled_from(
    ["a", ": ", "\n", "- ", "[", "]", "{", "}", "&a ", "*a", "!!int ", "!!timestamp ", "'", '"',
     "|", ">", "? ", "#", "---\n", "...", "<<", "0x", "1e999", ".nan", "2024-02-30", "\t", "  ",
     "%", "@", "\x85", "\u2028", "1_0", "0o9", "1:99"]
)  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_is_a_mapping_or_refused(tmp_path: Path, text: str) -> None:
    """Nothing but our error comes out."""
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    said = "config.yaml"
    try:
        parse_yaml(path)
    except ConfigError as error:
        said = str(error)
    assert "config.yaml" in said
