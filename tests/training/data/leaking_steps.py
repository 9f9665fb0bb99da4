"""Steps as users write them: some know the future, some do not. A configuration names them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def centred(frame: pd.DataFrame) -> pd.Series[float]:
    """A window that is centred."""
    return frame["close"].rolling(5, center=True, min_periods=1).mean()


def next_close(frame: pd.DataFrame) -> pd.Series[float]:
    """The shift that goes the wrong way."""
    return frame["close"].shift(-1).ffill()


def will_rise(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - whatever pandas gives
    """The answer itself, as a sign."""
    return frame["close"].shift(-1) > frame["close"]


def standardised(frame: pd.DataFrame) -> pd.Series[float]:
    """Scaled by mean and deviation of all rows."""
    return (frame["close"] - frame["close"].mean()) / frame["close"].std()


def ranked(frame: pd.DataFrame) -> pd.Series[float]:
    """The rank among all rows, later ones too."""
    return frame["close"].rank(pct=True)


def filled_backward(frame: pd.DataFrame) -> pd.Series[float]:
    """Every other value taken from the row after it."""
    return frame["close"].where(np.arange(len(frame)) % 2 == 0).bfill().ffill()


def interpolated(frame: pd.DataFrame) -> pd.Series[float]:
    """Gaps filled on a line to the next known value."""
    return frame["close"].where(np.arange(len(frame)) % 3 == 0).interpolate()


def smoothed(frame: pd.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """High frequencies cut off a spectrum of all rows."""
    spectrum = np.fft.rfft(frame["close"].to_numpy())
    spectrum[len(spectrum) // 4 :] = 0
    return np.fft.irfft(spectrum, len(frame))


def from_the_end(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - whatever pandas gives
    """A distance from the last price of the table."""
    return frame["close"] / frame["close"].iloc[-1] - 1


def peak_ahead(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - whatever pandas gives
    """How far the price is below a maximum that is still to come."""
    return frame["close"] / frame["close"][::-1].cummax()[::-1] - 1


def close_of_the_week(frame: pd.DataFrame) -> pd.Series[float]:
    """Friday's close, given to Monday."""
    week = frame.index.to_series().dt.to_period("W")
    return frame["close"].groupby(week).transform("last")


def until_the_next(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - whatever pandas gives
    """The time to the next row, which its own row does not know."""
    seconds: Any = frame.index.to_series().diff().shift(-1).dt.total_seconds()
    return seconds.ffill()


def trend(frame: pd.DataFrame, span: int = 10) -> Any:  # noqa: ANN401 - whatever pandas gives
    """Honest: the slope to the price so many rows before."""
    return np.log(frame["close"]).diff(span)


def two_honest(frame: pd.DataFrame) -> pd.DataFrame:
    """Honest, with a gap filled from earlier rows."""
    close = frame["close"].where(np.arange(len(frame)) % 7 != 3).ffill()
    return pd.DataFrame({"held": close, "peak": frame["close"] / frame["close"].cummax()})


def random_numbers(frame: pd.DataFrame) -> pd.Series[float]:
    """Something else each time."""
    return frame["close"] + np.random.default_rng().normal(size=len(frame))


def fewer_rows(frame: pd.DataFrame) -> pd.Series[float]:
    """Rows that are left out by their values."""
    return frame["close"][frame["close"] > frame["close"].median()]


def failing(frame: pd.DataFrame) -> pd.Series[float]:
    """A mistake of the user's."""
    return frame["clsoe"]


def words(frame: pd.DataFrame) -> pd.Series[str]:
    """No numbers."""
    return frame["close"].astype(str) + " EUR"


def late_start(frame: pd.DataFrame) -> pd.Series[float]:
    """Three rows that are not known at first."""
    return frame["close"].shift(3)


def of_target(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - whatever pandas gives
    """The target of the same row, in disguise."""
    return np.sqrt(np.abs(frame["y"]))


def of_earlier_target(frame: pd.DataFrame) -> pd.Series[float]:
    """Honest: the target of the row before."""
    return frame["y"].shift(1)
