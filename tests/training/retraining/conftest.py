"""A year and a half of invented daily prices, and a configuration that is trained in a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.load import parse_config
from training.retraining import Retraining, parse_moment, retrain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Update = Callable[..., dict[str, Any]]


@pytest.fixture
def prices() -> pd.DataFrame:
    """Working days from 2020-01-01 on, 400 of them."""
    random = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random.normal(0.0005, 0.01, 400)))
    return pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=400), "close": close})


@pytest.fixture
def update(tmp_path: Path, prices: pd.DataFrame) -> Update:
    """Retrain as of a date; keywords are sections of the configuration, `storage`, `prices`.

    Without rules of promotion every new model becomes champion.
    """

    def run(as_of: str | None, **sections: Any) -> dict[str, Any]:  # noqa: ANN401 - sections of a configuration
        storage = sections.pop("storage", tmp_path / "storage")
        frame = sections.pop("prices", prices)
        resume = sections.pop("resume", "auto")
        config = parse_config(configuration(**sections))
        moment = parse_moment(as_of) if as_of else None
        work = Retraining(config, storage, as_of=moment, frame=frame, resume=resume)
        return retrain(work)

    return run


def configuration(**sections: Any) -> dict[str, Any]:  # noqa: ANN401 - sections of a configuration
    """A small perceptron on three returns."""
    data = {
        "source": {"type": "dataframe"},
        "features": [{"type": "returns", "column": "close", "lags": 3}],
        "target": {"type": "direction", "column": "close", "horizon": 1},
    }
    return {
        "name": "m",
        "data": data | sections.pop("data", {}),
        "model": {"type": "mlp", "hidden": [4]},
        "training": {"epochs": 2, "batch_size": 64} | sections.pop("training", {}),
        "promotion": {"rules": []} | sections.pop("promotion", {}),
        **sections,
    }
