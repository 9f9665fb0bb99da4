"""Lineage as Prefect's assets: source → feature table → model → predictions.

An asset has the same key every night; each slot materializes it once. What a step made is known
by its own small answer, which becomes the metadata of the materialization.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from prefect.assets import Asset, AssetProperties, add_asset_metadata, materialize

from training.config.sources import SqlSource
from training.data.databases import database_url, shown
from training.data.sources.paths import without_secrets
from training.secrets import revealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefect import Task
    from prefect.tasks import MaterializingTask

    from training.config.pipeline import PipelineConfig, Target
    from training.config.sources import Source

LONGEST = 512
_FORBIDDEN = re.compile(r"[^A-Za-z0-9._~:/@+=,;$!*()-]")
_FROM = re.compile(r"\bFROM\s+([\w.]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The assets of one pipeline."""

    source: Asset
    features: Asset
    model: Asset
    predictions: Asset

    @classmethod
    def of(cls, config: PipelineConfig) -> Lineage:
        """Their keys, which no night and no machine changes."""
        name = config.name
        return cls(
            source=_asset(_source_key(config.extract), f"source of {name}"),
            features=_asset(f"retrain://{name}/features", f"features of {name}"),
            model=_asset(f"retrain://{name}/model", name),
            predictions=_asset(_target_key(config.publish), f"predictions of {name}"),
        )


def making(
    task: Task[..., dict[str, Any]],
    asset: Asset,
    upstream: Sequence[Asset],
    options: Mapping[str, Any],
) -> MaterializingTask[..., dict[str, Any]]:
    """The same task, which materializes an asset.

    Args:
        task: answers in small plain values.
        asset: what it makes.
        upstream: what that is made of.
        options: of the task.
    """

    @wraps(task.fn)
    def made(*args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - those of the task
        answer = task.fn(*args, **kwargs)
        add_asset_metadata(asset, answer)
        return answer

    return materialize(
        asset,
        by="retrain",
        name=task.name,
        task_run_name=task.task_run_name,
        asset_deps=list(upstream),
        **options,
    )(made)


def _asset(key: str, name: str) -> Asset:
    """Prefect takes a scheme of letters and digits: that is the database, without the driver."""
    scheme, _, rest = key.partition("://")
    plain = re.sub(r"[^a-z0-9]", "", scheme.partition("+")[0].lower())
    known = f"{plain}://{_FORBIDDEN.sub('_', rest)}"[:LONGEST]
    return Asset(key=known, properties=AssetProperties(name=name))


def _source_key(source: Source) -> str:
    """The table where the query names one; a file; the function."""
    if isinstance(source, SqlSource):
        url = shown(database_url(revealed(source), "extract"))
        named = _FROM.search(source.query)
        return f"{url}/{named[1]}" if named else url
    where = getattr(source, "path", None) or getattr(source, "url", None)
    if where is not None:
        return _file_key(str(where))
    if ":" in source.type:
        return f"python://{source.type.replace(':', '/')}"
    return f"{source.type}://{getattr(source, 'name', '') or getattr(source, 'symbol', '')}"


def _target_key(target: Target) -> str:
    if target.type == "sql":
        return f"{shown(database_url(revealed(target), 'publish'))}/{target.table}"
    return _file_key(target.path.replace("{slot}", "slot"))


def _file_key(path: str) -> str:
    plain = without_secrets(path)
    return plain if "://" in plain else f"file://{plain}"
