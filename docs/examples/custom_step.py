"""A feature and a source of one's own: two functions that a configuration names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training import DataConfig, DataManager


def two_weeks_trend(frame: pd.DataFrame, *, rows: int = 10) -> pd.Series[float]:
    """The slope of a line through the last `rows` logarithms of the close."""
    place = np.arange(rows) - (rows - 1) / 2
    weights = place / np.square(place).sum()
    logs = pd.Series(np.log(frame["close"].to_numpy()), index=frame.index)
    return logs.rolling(rows).apply(lambda values: float(values @ weights), raw=True)


def made_up_prices(*, days: int) -> pd.DataFrame:
    """A random walk of closes."""
    steps = np.random.default_rng(1).normal(0, 0.01, days)
    dates = pd.date_range("2020-01-01", periods=days, freq="B")
    return pd.DataFrame({"date": dates, "close": 100 * np.exp(np.cumsum(steps))})


def main() -> None:
    """Load the data that the two functions make."""
    module = __name__ if __name__ != "__main__" else "docs.examples.custom_step"
    config = DataConfig.model_validate(
        {
            "source": {"type": f"{module}:made_up_prices", "days": 500},
            "features": [
                {"type": "returns"},
                {
                    "type": f"{module}:two_weeks_trend",
                    "columns": ["close"],
                    "outputs": ["trend"],
                    "warm_up": 9,
                    "rows": 10,
                },
            ],
        }
    )
    data = DataManager(config).get_data()
    print(data.features, data.description["parts"])


if __name__ == "__main__":
    main()
