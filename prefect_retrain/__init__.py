"""Our flows under a name that nobody else has: `from prefect_retrain import train`.

The packages of this project are called `flows`, `tasks` and `training`, and so may be those of
the project that uses it. Python imports whichever comes first. What is asked for here is found
all the same: where `flows` is somebody else's package, ours joins its path, as `pkgutil` does it
for packages that are spread over several folders. No module of theirs is replaced; where both have
one of the same name, that is an error with both names in it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.events import data_landed
    from flows.pipeline import pipeline
    from flows.retrain import retrain
    from flows.score import score
    from flows.train import train
    from training.config.load import load_config, load_pipeline, parse_config, parse_pipeline

__all__ = [
    "data_landed",
    "load_config",
    "load_pipeline",
    "parse_config",
    "parse_pipeline",
    "pipeline",
    "retrain",
    "score",
    "train",
]

_HOME = Path(__file__).parents[1]
_WHERE = {
    "data_landed": "flows.events",
    "pipeline": "flows.pipeline",
    "retrain": "flows.retrain",
    "score": "flows.score",
    "train": "flows.train",
} | dict.fromkeys(
    ("load_config", "load_pipeline", "parse_config", "parse_pipeline"), "training.config.load"
)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a flow or a function
    """What is asked for, imported now: Prefect and pandas are loaded with the first flow."""
    if name not in _WHERE:
        raise AttributeError(f"module 'prefect_retrain' has no attribute {name!r}")
    _join()
    return getattr(import_module(_WHERE[name]), name)


def _join() -> None:
    """Make our modules importable, whoever's packages `flows`, `tasks` and `training` are."""
    for name in ("flows", "tasks", "training"):
        package, ours = import_module(name), _HOME / name
        path = getattr(package, "__path__", None)
        if path is None:
            raise ImportError(f"{package.__file__} is a module {name!r}, {_WAY_OUT}")
        theirs = [Path(folder).resolve() for folder in path]
        if ours.resolve() in theirs:
            continue
        both = sorted(_modules(ours) & set().union(*map(_modules, theirs)))
        if both:
            twice = ", ".join(f"{name}.{one}" for one in both)
            raise ImportError(f"{theirs[0]} has modules that this project has too ({twice}), "
                              f"{_WAY_OUT}")  # fmt: skip
        path.append(str(ours))
    import_module("flows.secrets").make_known()


_WAY_OUT = (
    "so that ours cannot be imported beside it; rename it, or let an environment of our own do the "
    "work: run_deployment, or an event (docs/pipeline.md)"
)


def _modules(folder: Path) -> set[str]:
    return {
        one.stem if one.suffix == ".py" else one.name
        for one in folder.glob("*")
        if one.suffix == ".py" or (one / "__init__.py").is_file()
    } - {"__init__"}
