"""Parts in order of time that share no row and no label's horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from training.config.splits import Split, SplitConfig
from training.data import split
from training.data.split import Cut, Known, cut, require_apart, split_rows
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.data import DataManager
    from training.types import Array

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
    given_rows = [np.arange(rows)[part] for part, share in zip(parts, asked, strict=True) if share]
    assert all(len(part) for part in given_rows)
    assert given_rows[0][0] == first
    ends = [*(part[0] for part in given_rows[1:]), rows]
    for part, end in zip(given_rows, ends, strict=True):
        assert part[-1] + ahead < end


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


SPLIT: TypeAdapter[Split] = TypeAdapter(Split)


def rows_of(
    split: dict[str, Any], rows: int = 100, first: int = 0, ahead: int = 2, *, timed: bool = True
) -> list[Array]:
    """Numbers of the rows of training, validation and test."""
    times = np.datetime64("2024-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "D")
    known = Known(rows, first, ahead, times if timed else None, np.arange(rows) % 4 == 0)
    parts = split_rows(SPLIT.validate_python(split), known)
    return [np.arange(rows)[part] for part in parts]


def spans(parts: list[Array]) -> list[tuple[int, int]]:
    """First and last row of parts without gaps."""
    assert all((np.diff(part) == 1).all() for part in parts)
    return [(int(part[0]), int(part[-1])) for part in parts]


def test_parts_by_date() -> None:
    """A part begins with the first row at or after its date; 2024-03-01 is row 60."""
    split = {"type": "date", "validation": "2024-03-01", "test": "2024-03-31"}
    assert spans(rows_of(split)) == [(0, 57), (60, 87), (90, 97)]
    assert spans(rows_of(split | {"embargo": 5})) == [(0, 52), (60, 82), (90, 97)]
    assert spans(rows_of({"type": "date", "test": "2024-03-31"})[::2]) == [(0, 87), (90, 97)]


def test_walk_forward_trains_on_the_past_of_each_test() -> None:
    """Three tests of 20 rows up to the end; each training part ends the horizon before."""
    split = {"type": "walk_forward", "folds": 3, "test": 20}
    folds = [rows_of(split | {"fold": fold}) for fold in (0, 1, 2)]
    assert [spans([fold[0], fold[2]]) for fold in folds] == [
        [(0, 37), (40, 57)],
        [(0, 57), (60, 77)],
        [(0, 77), (80, 97)],
    ]
    assert [part.tolist() for part in rows_of(split)] == [part.tolist() for part in folds[2]]


def test_walk_forward_with_a_rolling_window_and_validation() -> None:
    """Training parts of equal length move along, with the embargo between the parts."""
    split = {"type": "walk_forward", "folds": 3, "test": 20, "validation": 10, "train": 15}
    assert spans(rows_of(split | {"fold": 0})) == [(13, 27), (30, 37), (40, 57)]
    assert spans(rows_of(split | {"fold": 2})) == [(53, 67), (70, 77), (80, 97)]
    assert spans(rows_of(split | {"embargo": 3})) == [(50, 64), (70, 74), (80, 97)]


def test_walk_forward_makes_equal_parts_by_itself() -> None:
    """Four folds of 100 rows: a training part of 20 and tests of 20."""
    folds = [rows_of({"type": "walk_forward", "folds": 4, "fold": at}, ahead=0) for at in range(4)]
    assert [len(fold[0]) for fold in folds] == [20, 40, 60, 80]
    assert np.concatenate([fold[2] for fold in folds]).tolist() == list(range(20, 100))


@pytest.mark.parametrize("embargo", [0, 4])
def test_folds_of_rows_with_time_are_purged_on_either_side(embargo: int) -> None:
    """Neither a label looks into another part, nor does a row follow one too closely."""
    tested = []
    for fold in range(5):
        split = {"type": "kfold", "folds": 5, "fold": fold, "embargo": embargo}
        train, validation, test = rows_of(split, ahead=3)
        for held in (validation, test):
            near = np.abs(train[:, np.newaxis] - held).min()
            assert near > embargo
            assert not np.isin(train[:, np.newaxis] + np.arange(4), held).any()
        assert not np.isin(test[:, np.newaxis] + np.arange(4), validation).any()
        tested.append(test)
    assert len(np.unique(np.concatenate(tested))) == sum(map(len, tested)) >= 84


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=st.integers(3, 300),
    ahead=st.integers(0, 12),
    embargo=st.integers(0, 8),
    folds=st.integers(3, 7),
    data=st.data(),
)
def test_no_split_ever_overlaps(
    rows: int, ahead: int, embargo: int, folds: int, data: st.DataObject
) -> None:
    """Whatever is asked of any kind of split, its parts are apart by the horizon, or it is said."""
    fold = data.draw(st.integers(0, folds - 1))
    kind = data.draw(st.sampled_from(["kfold", "walk_forward"]))
    split = {"type": kind, "folds": folds, "fold": fold, "embargo": embargo}
    try:
        parts = rows_of(split, rows, ahead=ahead)
    except DataError as error:
        assert "change data.split" in str(error)  # noqa: PT017 - it may be raised, or not
        return
    for one, part in enumerate(parts):
        for other, others in enumerate(parts):
            if one != other:
                assert not np.isin(part[:, np.newaxis] + np.arange(ahead + 1), others).any()


def test_rows_without_time_are_dealt_to_folds() -> None:
    """Each row is the test of one fold, and in one part of each; the order is that of the seed."""
    folds = [rows_of({"type": "kfold", "fold": at}, ahead=0, timed=False) for at in range(5)]
    assert sorted(np.concatenate([fold[2] for fold in folds]).tolist()) == list(range(100))
    for fold in folds:
        assert sorted(np.concatenate(fold).tolist()) == list(range(100))
    again = rows_of({"type": "kfold", "fold": 0}, ahead=0, timed=False)
    other = rows_of({"type": "kfold", "fold": 0, "seed": 1}, ahead=0, timed=False)
    assert again[2].tolist() == folds[0][2].tolist() != other[2].tolist()


def test_stratified_folds_have_equal_shares_of_each_class() -> None:
    """A quarter of the labels is true, and a quarter of each part."""
    for fold in range(5):
        split = {"type": "kfold", "fold": fold, "stratified": True}
        parts = rows_of(split, ahead=0, timed=False)
        assert [(part % 4 == 0).mean() for part in parts] == [0.25] * 3


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"type": "date", "test": "2024-03-01"}, {"timed": False}, "needs times"),
    ({"type": "date", "test": "2030-03-01"}, {}, "data.split.test = 2030-03-01"),
    ({"type": "date", "validation": "1999-01-01"}, {}, "training of rows from 2024-01-01"),
    ({"type": "walk_forward", "test": 30}, {}, "fold 4 of 5"),
    ({"type": "walk_forward", "folds": 3, "fold": 0, "test": 33}, {}, "leaves none"),
    ({"type": "kfold", "stratified": True}, {}, "without regard to their order"),
    ({"type": "kfold", "folds": 50}, {"ahead": 3}, "one of 50 folds"),
]


@pytest.mark.parametrize(("split", "known", "words"), REFUSED)
def test_a_split_that_does_not_fit_is_refused(
    split: dict[str, Any], known: dict[str, Any], words: str
) -> None:
    if words == "fold 4 of 5":
        split = split | {"folds": 5, "fold": 0}
        words = "fold 0 of 5"
    with pytest.raises(DataError) as caught:
        rows_of(split, **known)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "split", [{"type": "walk_forward", "fold": 5}, {"type": "kfold", "fold": 5}]
)
def test_a_fold_that_there_is_not_is_refused(split: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="fold = 5: expected 0 to 4"):
        SPLIT.validate_python(split)


OVERLAPPING = [
    (Cut(slice(0, 50), slice(49, 80), slice(80, 90)), 0, "row 50 is in the validation part"),
    (Cut(slice(0, 50), slice(50, 80), slice(85, 90)), 1, "row 51 is in the validation part"),
    (Cut(slice(0, 50), slice(0, 0), np.array([49, 60])), 0, "row 50 is in the test part"),
    (Cut(np.array([1, 5]), np.array([3]), np.array([8])), 2, "row 4 is in the validation part"),
]


@pytest.mark.parametrize(("parts", "ahead", "words"), OVERLAPPING)
def test_parts_that_overlap_are_a_leak_that_is_refused(parts: Cut, ahead: int, words: str) -> None:
    """Rows in two parts, and labels that look into another, whoever made the split."""
    with pytest.raises(DataError, match=words):
        require_apart(parts, ahead)


def test_every_split_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a way to split cannot reach a training."""
    monkeypatch.setattr(split, "_three", lambda *_: Cut(slice(0, 60), slice(50, 80), slice(80, 90)))
    with pytest.raises(DataError, match="row 51 is in the validation part"):
        rows_of({"validation": 0.1, "test": 0.1})


def test_the_data_of_all_folds(prices: pd.DataFrame, manage: Manage) -> None:
    """Each fold is a data set of its own, scaled by its own training part."""
    manager = manage(prices, split={"type": "walk_forward", "folds": 3, "test": 10})
    folds = list(manager.folds())
    assert [len(fold.train.x) for fold in folds] == [27, 37, 47]
    assert [len(fold.test.x) for fold in folds] == [9, 9, 9]
    assert len({fold.pipeline.scaler.center.tobytes() for fold in folds}) == 3
    assert manager.get_data().train.x.tobytes() == folds[-1].train.x.tobytes()


@pytest.mark.parametrize("rows", [1, 3])
def test_folds_with_gaps_train_a_model(rows: int, train: Callable[..., Any]) -> None:
    """Rows that are not next to each other make contiguous inputs, windows too."""
    split = {"type": "kfold", "fold": 2, "stratified": False}
    result = train(data={"split": split, "look_back": rows})
    assert result.metrics["val_loss"] > 0
