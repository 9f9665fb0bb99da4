"""From YAML to a checked configuration: `extends`, `${VAR}`, single keys, clear errors.

The order: the file that `extends` names, then the file itself, then `--set`, each over the one
before; then `${VAR}` is filled in from the environment; then the whole is checked once.

A variable that is a secret is not filled in: it stays `${VAR}` until it is used
(`training.secrets`), and it may stand only where its value is not needed before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError

from training.config.base import Section
from training.config.explain import explain
from training.config.pipeline import PipelineConfig
from training.config.root import RunConfig
from training.config.strict_yaml import parse_yaml
from training.errors import ConfigError
from training.secrets import VARIABLE, has_password, is_secret

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

_WITH_SECRETS = (("data", "source"), ("model",), ("callbacks",))
"""Sections whose secrets are looked up where they are used."""
_OF_A_PIPELINE = (
    ("extract",),
    ("publish",),
    *(("retrain", *section) for section in _WITH_SECRETS),
)
"""The same of a larger pipeline."""

Whole = TypeVar("Whole", bound=Section)


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Read a configuration file.

    Args:
        path: a YAML file, or any fsspec URL of one.
        overrides: `path.to.key=value`, each value in YAML (`training.epochs=3`).

    Raises:
        ConfigError: with the file, the key, the value, what was expected, the nearest spelling.
    """
    return parse_config(with_overrides(read_tree(path), overrides), str(path))


def read_tree(path: str | Path) -> dict[str, Any]:
    """What a configuration file says, over the one that it extends; not checked yet.

    Raises:
        ConfigError: it is no file of YAML, or holds no mapping.
    """
    return _read(str(path), seen=())


def with_overrides(tree: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A configuration with single keys replaced.

    Args:
        tree: what the YAML says.
        overrides: `path.to.key=value`, each value in YAML.

    Raises:
        ConfigError: one is not of that shape.
    """
    changed = dict(tree)
    for override in overrides:
        changed = merge(changed, _override(override))
    return changed


def nested(key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - any YAML value
    """`path.to.key` and its value, as sections within sections."""
    tree = value
    for part in reversed(key.split(".")):
        tree = {part: tree}
    return dict(tree)


def load_pipeline(path: str | Path, overrides: Iterable[str] = ()) -> PipelineConfig:
    """Read the configuration file of a larger pipeline, as `load_config` one of a training."""
    return parse_pipeline(with_overrides(read_tree(path), overrides), str(path))


def parse_pipeline(tree: Mapping[str, Any], origin: str = "configuration") -> PipelineConfig:
    """As `parse_config`, for a larger pipeline."""
    return _checked(PipelineConfig, tree, origin, _OF_A_PIPELINE)


def parse_config(tree: Mapping[str, Any], origin: str = "configuration") -> RunConfig:
    """Fill in the environment's values and check the whole.

    Args:
        tree: what the YAML says.
        origin: the file's name, or another word for where it came from, for error messages.

    Raises:
        ConfigError: as `load_config`.
    """
    return _checked(RunConfig, tree, origin, _WITH_SECRETS)


def _checked(
    kind: type[Whole], tree: Mapping[str, Any], origin: str, secrets: tuple[tuple[str, ...], ...]
) -> Whole:
    filled = _fill(dict(tree), origin, (), secrets)
    try:
        return kind.model_validate(filled)
    except ValidationError as error:
        raise ConfigError(explain(error, filled, origin)) from None


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping over another, key by key; lists and other values are replaced whole.

    A section whose `type` changes is replaced whole too: keys of the old type mean nothing there.
    """
    if "type" in over and over["type"] != base.get("type", over["type"]):
        return dict(over)
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(value, dict) and isinstance(old, list):
            merged[key] = _merge_items(old, value)
        elif isinstance(value, dict) and isinstance(old, dict):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def _merge_items(items: list[Any], over: Mapping[str, Any]) -> list[Any]:
    """`callbacks.0.patience=3`: a key that is a number reaches into a list."""
    merged = list(items)
    for key, value in over.items():
        if not (key.isdecimal() and int(key) < len(merged)):
            raise ConfigError(
                f"--set: {key!r} is no position in a list of {len(merged)}; "
                f"expected a number from 0 to {len(merged) - 1}, or the whole list"
            )
        old = merged[int(key)]
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[int(key)] = merge(old, value) if both else value
    return merged


def _read(path: str, seen: tuple[str, ...]) -> dict[str, Any]:
    where = path if "://" in path else str(Path(path).resolve())
    if where in seen:
        chain = " -> ".join((*seen, where))
        raise ConfigError(f"{path}: 'extends' goes round in a circle: {chain}")
    tree = parse_yaml(path)
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise ConfigError(f"{path}: extends = {parent!r}: expected the path of one YAML file")
    folder = path.rpartition("/")[0]
    beside = f"{folder}/{parent}" if "://" in path else str(Path(path).parent / parent)
    return merge(_read(beside, (*seen, where)), tree)


def _override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r}: expected path.to.key=value, as in training.epochs=3")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        parsed = value
    return nested(key.strip(), parsed)


def _fill(
    value: Any,  # noqa: ANN401 - any YAML value
    origin: str,
    key: tuple[str, ...],
    secrets: tuple[tuple[str, ...], ...],
) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, dict):
        return {
            name: _fill(item, origin, (*key, str(name)), secrets) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_fill(item, origin, (*key, str(i)), secrets) for i, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    where = f"{origin}: {'.'.join(key)}"
    if has_password(value):
        raise ConfigError(
            f"{where} is a URL with a password or a key in it, which would be stored; put that "
            "into an environment variable and write ${VARIABLE} in its place"
        )

    def lookup(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"], match["default"])
        if found is None:
            raise ConfigError(
                f"{where} = {value!r}: the environment has no variable {match['name']}; "
                f"set it, or give a default as in ${{{match['name']}:value}}"
            )
        if not is_secret(match["name"], found):
            return found
        if not any(key[: len(section)] == section for section in secrets):
            allowed = ", ".join(".".join(section) for section in secrets)
            raise ConfigError(
                f"{where} = {value!r}: {match['name']} is a secret by its name or its value, and "
                f"this would be stored; expected secrets in {allowed} alone"
            )
        return match[0]

    filled = VARIABLE.sub(lookup, value)
    # A value that is one variable and nothing else may be a number: epochs: ${EPOCHS:20}.
    return _scalar(filled) if VARIABLE.fullmatch(value) else filled


def _scalar(text: str) -> str | int | float | bool | None:
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return parsed if isinstance(parsed, int | float | bool | None) else text
