"""YAML without its traps: no tags, no aliases, no key given twice, no gigabytes."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from training.errors import ConfigError, RetrainError
from training.secrets import refuse_credentials

MAX_BYTES = 1_000_000
MAX_DEPTH = 64

_SLIPS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""What PyYAML raises by itself on dates, numbers and escapes that are none."""


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which besides refuses aliases (they can grow without bound) and doubles."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # so in the stubs
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not allowed; use 'extends' to share settings",
                problem_mark=mark,
            )
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # so in the stubs
            problem = f"is nested deeper than {MAX_DEPTH} levels"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the signature of the library
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {key!r} is not text; write it in quotes"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _tree(text: str) -> Any:  # noqa: ANN401 - whatever a document may be
    loader = _StrictLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def parse_yaml(path: Path | str) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Args:
        path: of a file, or any fsspec URL.

    Raises:
        ConfigError: not there, not readable, not YAML, not a mapping; with the line where it is.
    """
    text = _text(path)
    try:
        tree = _tree(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: {error.problem}") from None
    except (yaml.YAMLError, *_SLIPS) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{path}: is not YAML: {reason}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path}: holds a {type(tree).__name__}, expected a mapping, "
            "with keys such as name, data, model, training"
        )
    return tree


def _text(path: Path | str) -> str:
    data = _fetched(path) if "://" in str(path) else _local(Path(path))
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES:,} bytes; expected a configuration")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from None


def _local(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file{_nearest(path)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _fetched(url: Path | str) -> bytes:
    """What is at a URL; the library that fetches it may raise anything."""
    import fsspec

    refuse_credentials(str(url))
    try:
        with fsspec.open(str(url), "rb") as file:
            return bytes(file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise ConfigError(f"{url}: there is no such file") from None
    except RetrainError:
        raise
    except Exception as error:
        raise ConfigError(f"{url}: cannot be read: {error}") from error


def _nearest(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f", nor a folder {folder}"
    names = [item.name for item in folder.iterdir() if item.suffix in {".yaml", ".yml"}]
    near = get_close_matches(path.name, names, n=1)
    return f"; did you mean {folder / near[0]}?" if near else ""
