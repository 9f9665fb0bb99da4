"""The loss curve: an SVG that stands in Markdown by itself."""

from __future__ import annotations

import base64
import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from training.evaluation.curve import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    learning_curves,
    loss_curve,
)

SVG = "{http://www.w3.org/2000/svg}"
FRONT = "![loss by epoch](data:image/svg+xml;base64,"


def _history(*losses: tuple[float | None, float | None]) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "metrics": {
                name: value
                for name, value in zip(("loss", "val_loss"), pair, strict=True)
                if value is not None
            },
        }
        for epoch, pair in enumerate(losses, 1)
    ]


def _picture(history: list[dict[str, Any]]) -> ET.Element:
    markdown = loss_curve(history)
    assert markdown.startswith(FRONT)
    assert markdown.endswith(")")
    return ET.fromstring(base64.b64decode(markdown[len(FRONT) : -1]))  # noqa: S314 - our own


def _lines(history: list[dict[str, Any]]) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (p.split(",") for p in line.attrib["points"].split())]
        for line in _picture(history).iter(f"{SVG}polyline")
    ]


def _words(history: list[dict[str, Any]]) -> list[str]:
    return [text.text or "" for text in _picture(history).iter(f"{SVG}text")]


def test_points_stand_where_epochs_and_losses_put_them() -> None:
    """Across by epoch, from edge to edge; up by loss, with a margin of five per cent."""
    loss, validation = _lines(_history((4.0, 3.0), (2.0, 2.5), (0.0, 1.0)))
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert [x for x, _ in loss] == [LEFT, middle, WIDTH - RIGHT]
    assert [x for x, _ in validation] == [LEFT, middle, WIDTH - RIGHT]
    tall = HEIGHT - TOP - BOTTOM
    for line, values in ((loss, (4.0, 2.0, 0.0)), (validation, (3.0, 2.5, 1.0))):
        expected = [HEIGHT - BOTTOM - tall * (value + 0.2) / 4.4 for value in values]
        assert [y for _, y in line] == pytest.approx(expected, abs=0.051)


def test_the_axes_say_what_they_show() -> None:
    words = _words(_history((4.0, 3.0), (2.0, 2.5), (0.0, 1.0)))
    assert {"-0.2", "0.9", "2", "3.1", "4.2"} <= set(words)
    assert {"epoch 1", "epoch 2", "epoch 3", "● loss", "● val_loss"} <= set(words)


def test_epochs_without_validation_leave_a_gap_that_the_line_spans() -> None:
    loss, validation = _lines(_history((4.0, None), (3.0, 3.0), (2.0, None), (1.0, 2.0)))
    assert len(loss) == 4
    assert [x for x, _ in validation] == [loss[1][0], loss[3][0]]


def test_without_any_validation_there_is_one_line_and_one_name() -> None:
    history = _history((2.0, None), (1.0, None))
    assert len(_lines(history)) == 1
    assert "● val_loss" not in _words(history)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_left_out(bad: float) -> None:
    (line,) = _lines(_history((2.0, None), (bad, None), (1.0, None)))
    assert [x for x, _ in line] == [LEFT, WIDTH - RIGHT]


@pytest.mark.parametrize("history", [[], _history((None, None)), _history((math.nan, None))])
def test_without_a_single_loss_there_is_no_picture(history: list[dict[str, Any]]) -> None:
    assert "svg" not in loss_curve(history)


def test_where_nothing_was_trained_it_says_so() -> None:
    assert loss_curve([]) == "No epoch was trained."


def test_where_no_loss_was_measured_it_says_that() -> None:
    """Epochs were trained, and a run that diverged at once is not one that trained nothing."""
    assert loss_curve(_history((math.nan, None))) == "No finite loss was measured."


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, 1e-300, 1e99])
def test_one_epoch_is_a_point_within_the_picture(value: float) -> None:
    ((point,),) = _lines(_history((value, None)))
    assert LEFT <= point[0] <= WIDTH - RIGHT
    assert TOP <= point[1] <= HEIGHT - BOTTOM


def test_a_loss_that_has_left_the_world_is_left_out() -> None:
    (line,) = _lines(_history((1e308, None), (2.0, None), (-1e308, None), (1.0, None)))
    assert len(line) == 2
    assert all(TOP <= y <= HEIGHT - BOTTOM for _, y in line)


def test_a_thousand_epochs_are_thinned_with_the_first_and_the_last() -> None:
    history = _history(*((1000.0 - epoch, 500.0) for epoch in range(1001)))
    loss, validation = _lines(history)
    assert len(loss) <= 401
    assert loss[0][0] == validation[0][0] == LEFT
    assert loss[-1][0] == validation[-1][0] == WIDTH - RIGHT
    assert [x for x, _ in loss] == sorted({x for x, _ in loss})
    assert len(loss_curve(history)) < 30_000


def test_the_validation_that_is_measured_every_few_epochs_survives_the_thinning() -> None:
    history = _history(*((1.0, 2.0 if epoch % 10 == 9 else None) for epoch in range(1000)))
    assert len(_lines(history)) == 2
    assert len(_lines(history)[1]) == 100


def test_an_agent_s_reward_comes_first_however_much_else_is_told() -> None:
    """Its algorithm tells more than there are pictures."""
    told = [f"{name}_loss" for name in ("value", "entropy", "policy", "clip", "kl", "critic")]
    metrics = dict.fromkeys([*told, "loss", "reward", "val_reward", "val_total_return"], 1.0)
    found = learning_curves([{"epoch": 1, "metrics": metrics}])
    assert list(found) == ["reward", "total_return", "loss", *told[:3]]
    assert list(found["reward"]) == ["reward", "val_reward"]
