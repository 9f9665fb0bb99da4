"""Parts in order of time that share no row and no label's horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config.data import SplitConfig
from training.data.split import cut
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.data import DataManager

    Manage = Callable[..., DataManager]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 500),
    shares=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    first=st.integers(0, 60),
    ahead=st.integers(0, 20),
)
def test_no_row_is_in_two_parts_and_no_label_reaches_into_the_next(
    rows: int, shares: tuple[float, float], first: int, ahead: int
) -> None:
    """Whatever is asked: parts are in order, apart by the horizon, and not empty; or it is said."""
    split = SplitConfig(validation=shares[0], test=shares[1])
    try:
        parts = cut(rows, split, first=first, ahead=ahead)
    except DataError as error:
        assert "change data.split" in str(error)  # noqa: PT017 - it may be raised, or not
        return
    asked = [1, *shares]
    given_rows = [range(rows)[part] for part, share in zip(parts, asked, strict=True) if share]
    assert all(len(part) for part in given_rows)
    assert given_rows[0].start == first
    ends = [*(part.start for part in given_rows[1:]), rows]
    for part, end in zip(given_rows, ends, strict=True):
        assert part.stop + ahead <= end


def test_every_row_is_used_but_those_whose_labels_reach_over_the_border() -> None:
    """100 rows, 10 without features, a horizon of 3: 63 + 18 - 3 - 3 - 3 by hand."""
    parts = cut(100, SplitConfig(validation=0.2, test=0.1), first=10, ahead=3)
    assert parts == (slice(10, 70), slice(73, 88), slice(91, 97))


def test_without_a_horizon_every_row_is_in_exactly_one_part() -> None:
    parts = cut(101, SplitConfig(validation=0.2, test=0.3), first=0, ahead=0)
    counted = np.zeros(101, dtype=int)
    for part in parts:
        counted[part] += 1
    assert (counted == 1).all()


def test_a_part_that_is_not_asked_for_is_empty(prices: pd.DataFrame, manage: Manage) -> None:
    """Without validation and test all rows with features and a label are for training."""
    data = manage(prices, split={"validation": 0, "test": 0}).get_data()
    assert (len(data.train.x), len(data.validation.x), len(data.test.x)) == (57, 0, 0)


def test_a_label_that_is_too_large_a_share_is_refused() -> None:
    with pytest.raises(DataError, match=r"data.split.validation = 0\.05 of 60 rows leaves none"):
        cut(60, SplitConfig(validation=0.05, test=0.5), first=0, ahead=3)


@pytest.mark.parametrize("horizon", [1, 4])
def test_labels_and_returns_look_ahead_by_exactly_their_horizon(
    horizon: int, prices: pd.DataFrame, manage: Manage
) -> None:
    """Each part's labels follow from the prices of the rows that its times name."""
    close, days = prices["close"].to_numpy(), prices["date"].to_numpy()
    for kind in ("direction", "return"):
        target = {"type": kind, "horizon": horizon}
        data = manage(prices, target=target, dtype="float64").get_data()
        for part in (data.train, data.validation, data.test):
            assert part.times is not None
            at = np.searchsorted(days, part.times)
            later, now = close[at + horizon], close[at]
            expected = later > now if kind == "direction" else np.log(later / now)
            np.testing.assert_array_equal(part.y, expected)
            np.testing.assert_array_equal(part.forward_returns, close[at + 1] / close[at] - 1)
