"""What a flow was asked to do: one checked configuration, out of a form, a file and single keys.

The same rules as for the shell: the file, over it the form, over that `overrides`, as `--set` takes
them; checked once, with the shell's words where something is wrong. Which way a value came makes no
difference to what is trained, and so none to a run's identity.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from prefect.states import Completed, Failed

from flows.environment import take_environment
from flows.leader import emit_first_event
from training.artifacts.names import CONFIGS
from training.config import RunConfig
from training.config.load import merge, nested, parse_config, read_tree, with_overrides
from training.errors import ConfigError, InputError, InterruptedRunError, RetrainError
from training.imports import refuse_untrusted_code, trusted_by_environment
from training.secrets import refuse_untrusted, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.form import FormSection

logger = logging.getLogger("flows.asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a configuration is put together from, besides the sections of the form.

    Attributes:
        name: of the model; empty: as in what follows.
        config: a whole configuration, from a program.
        config_file: the path or URL of one, in the place of `config`.
        overrides: `path.to.key=value`.
        storage: where a file is looked for that is not in the working directory.
    """

    name: str = ""
    config: RunConfig | Mapping[str, Any] | None = None
    config_file: str = ""
    overrides: Sequence[str] = ()
    storage: str = ""

    def over(self, *sections: FormSection) -> RunConfig:
        """The one configuration that all of it comes to.

        Args:
            sections: of the form, as far as they were filled in.

        Raises:
            ConfigError: as the shell says it.
        """
        filled = _filled(sections)
        if isinstance(self.config, RunConfig) and not (self.name or filled or self.overrides):
            return self.config
        tree = self._start()
        for path, value in filled.items():
            tree = merge(tree, nested(path, value))
        tree |= {"name": self.name} if self.name else {}
        origin = self.config_file or ("the configuration" if self.config else "the form")
        return parse_config(with_overrides(tree, self.overrides), origin)

    def model_name(self) -> str:
        """The name alone, without a look at the rest."""
        tree = self._start() | ({"name": self.name} if self.name else {})
        return str(with_overrides(tree, self.overrides).get("name", RunConfig().name))

    def _start(self) -> dict[str, Any]:
        """What the form stands over."""
        if self.config is not None and self.config_file:
            raise ConfigError("give one of config and config_file, not both")
        if self.config_file:
            return _from_file(self.config_file, self.storage)
        if self.config is None or isinstance(self.config, RunConfig):
            return (self.config or RunConfig()).model_dump(mode="json", by_alias=True)
        return dict(self.config)


def asked_name(parameters: Mapping[str, Any]) -> str:
    """The model's name in what a flow was called with; the flow itself says what is wrong there."""
    known = {field.name: parameters.get(field.name) for field in fields(Settings)}
    try:
        return Settings(**{name: value for name, value in known.items() if value}).model_name()
    except RetrainError:
        return "model"


def _filled(sections: Sequence[FormSection]) -> dict[str, Any]:
    """What was filled in, kinds first: a section whose type changes is replaced whole."""
    given = {path: value for section in sections for path, value in section.given().items()}
    return dict(sorted(given.items(), key=lambda item: not item[0].endswith(".type")))


def _from_file(config_file: str, storage: str) -> dict[str, Any]:
    """A file where the run is; at a URL, or in the storage, where what it names must be trusted."""
    is_url, kept = "://" in config_file, f"{storage.rstrip('/')}/{config_file}"
    in_storage = config_file.startswith(f"{CONFIGS}/") and ("://" in storage or Path(kept).exists())
    if not is_url and (Path(config_file).exists() or not in_storage):
        return read_tree(config_file)
    tree = read_tree(config_file if is_url else kept)
    trusted = trusted_by_environment()
    refuse_untrusted_code(tree, trusted)
    refuse_untrusted(tree, trusted)
    return tree


P = ParamSpec("P")


def in_words(body: Callable[P, dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """A flow whose state's message says how it ended: the result, or what the shell would say.

    What the user gave is wrong: that needs no traceback, and the rest keeps its one in the log.
    """

    @wraps(body)
    def told(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - a state, whose data are the result
        try:
            take_environment()
            emit_first_event()
            result = body(*args, **kwargs)
        except InterruptedRunError:  # the state is for Prefect to say: Cancelled, Crashed
            raise
        except RetrainError as error:
            if not isinstance(error, InputError):
                logger.exception("the run failed")
            return Failed(message=without_secrets(str(error)), data=error)
        return Completed(message=_said(result), data=result)

    # Prefect reads the types where the wrapper stands; they are known where the body stands.
    told.__signature__ = signature(body, eval_str=True)  # type: ignore[attr-defined] # for inspect
    return told


def _said(result: Mapping[str, Any]) -> str:
    """What became of it: the version, and the decision or the reason."""
    model = result.get("model") or {}
    what = f"{model['name']}:{model['version']} " if model else ""
    return f"{what}{result.get('status', 'done')}: {result.get('reason', '')}".rstrip(": ")
