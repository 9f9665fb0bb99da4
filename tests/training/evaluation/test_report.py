"""The report of a run: one page of Markdown."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from training.evaluation import markdown_report

METRICS = {
    "val_loss": 0.25,
    "test_accuracy": 0.5,
    "val_backtest_sharpe": 1.5,
    "val_buy_and_hold_sharpe": 0.5,
    "val_backtest_hit_rate": 0.4,
    "test_backtest_total_return": 0.123456789,
}
HISTORY = [
    {"epoch": 1, "step": 10, "metrics": {"loss": 2.0}},
    {"epoch": 2, "step": 20, "metrics": {"loss": 1.0, "val_loss": 1.5}},
]


def _report(**changed: Any) -> str:  # noqa: ANN401 - any part of a report
    given: dict[str, Any] = {
        "name": "sp500",
        "run_id": "sp500-1a2b",
        "metrics": METRICS,
        "history": HISTORY,
        "data": {"rows": 100, "columns": ["a", "b"]},
        "configuration": "name: sp500\n",
        "model": "sp500:3",
    }
    return markdown_report(**given | changed)


def _table_under(report: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, without the rule."""
    lines = iter(report[report.index(heading) :].splitlines())
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("| "):
            found.append([cell.strip() for cell in line[1:-1].split(" | ")])
        elif found:
            break
    return [found[0], *found[2:]]


def test_it_says_which_run_made_which_model() -> None:
    report = _report()
    assert report.startswith("# sp500\n\nRun `sp500-1a2b`, registered as **sp500:3**.\n")
    assert report.endswith("</details>\n")


def test_metrics_that_are_no_backtest_have_a_table() -> None:
    assert _table_under(_report(), "## Metrics") == [
        ["metric", "value"],
        ["val_loss", "0.25"],
        ["test_accuracy", "0.5"],
    ]


def test_a_backtest_stands_beside_buy_and_hold() -> None:
    report = _report()
    head = ["measure", "the model", "buy and hold"]
    assert _table_under(report, "## Backtest, validation part, after costs") == [
        head,
        ["sharpe", "1.5", "0.5"],
        ["hit_rate", "0.4", ""],
    ]
    assert _table_under(report, "## Backtest, test part") == [
        ["measure", "the model"],
        ["total_return", "0.123457"],
    ]


def test_all_strategies_have_a_column_in_one_order_and_measures_theirs() -> None:
    names = ("random_sharpe", "flat_total_return", "backtest_sharpe", "moving_average_sharpe")
    report = _report(metrics={f"test_{name}": 1.0 for name in names} | {"test_loss": 2.0})
    assert _table_under(report, "## Backtest, test part") == [
        ["measure", "the model", "flat", "moving average", "random"],
        ["total_return", "", "1", "", ""],
        ["sharpe", "1", "", "1", "1"],
    ]
    assert "## Backtest, validation" not in report
    assert _table_under(report, "## Metrics")[1:] == [["test_loss", "2"]]


def test_without_metrics_it_says_so() -> None:
    report = _report(metrics={})
    assert "None were measured." in report
    assert "Backtest" not in report


def test_the_history_has_a_column_for_each_metric_and_a_gap_where_none_was_measured() -> None:
    assert _table_under(_report(), "## Loss") == [
        ["epoch", "step", "loss", "val_loss"],
        ["1", "10", "2", ""],
        ["2", "20", "1", "1.5"],
    ]


def test_a_run_without_epochs_has_no_table_of_them() -> None:
    report = _report(history=[])
    assert "No epoch was trained." in report
    assert "| epoch |" not in report
    assert "\n\n\n" not in report


def test_a_long_history_is_thinned_evenly_with_the_first_and_the_last() -> None:
    history = [
        {"epoch": epoch, "step": epoch, "metrics": {"loss": 1.0}} for epoch in range(1, 1001)
    ]
    shown = [int(row[0]) for row in _table_under(_report(history=history), "## Loss")[1:]]
    assert len(shown) == 40
    assert (shown[0], shown[-1]) == (1, 1000)
    gaps = {later - earlier for earlier, later in pairwise(shown)}
    assert gaps <= {25, 26}
    assert len(_report(history=history)) < 60_000


def test_up_to_forty_epochs_are_all_shown() -> None:
    history = [{"epoch": epoch, "step": 1, "metrics": {"loss": 1.0}} for epoch in range(1, 41)]
    assert len(_table_under(_report(history=history), "## Loss")) == 41


def test_text_stays_within_its_cell_and_is_shown_as_it_is() -> None:
    report = _report(data={"a|b": "x | y\nz", "html": "<b>*`[\\"})
    assert "| a\\|b | x \\| y z |" in report
    assert "| html | \\<b>\\*\\`\\[\\\\ |" in report


def test_a_name_makes_neither_markup_nor_another_line() -> None:
    report = _report(name="a*b\n# c", model="<img>:1")
    assert report.startswith("# a\\*b # c\n")
    assert "**\\<img>:1**" in report


def test_values_of_every_kind_are_told() -> None:
    data = {"none": None, "list": [1, 2.5, "x"], "nested": {"rows": 3, "of": ["a", "b"]}}
    assert _table_under(_report(data=data), "## Data")[1:] == [
        ["none", ""],
        ["list", "1, 2.5, x"],
        ["nested", "rows: 3, of: a, b"],
    ]


def test_the_configuration_is_fenced_and_cannot_leave_its_fence() -> None:
    assert "```yaml\nname: sp500\n```" in _report()
    hostile = _report(configuration="a: |\n  ```\n  # not a heading\n  ````\n")
    assert "`````yaml\na: |\n  ```\n  # not a heading\n  ````\n`````" in hostile


def test_an_agent_s_reward_and_return_are_drawn_before_its_loss() -> None:
    """With those on the validation part; a model without them has no such part."""
    history = [
        {
            "epoch": epoch,
            "step": epoch,
            "metrics": {"loss": 0.1, "reward": epoch / 3, "val_reward": epoch / 2, **further},
        }
        for epoch, further in ((1, {}), (2, {"val_total_return": 0.04}))
    ]
    report = _report(history=history)
    places = [
        report.index(part)
        for part in (
            "## Reward\n\n![reward by epoch](data:image/svg+xml",
            "## Total return\n\n![total_return by epoch](data:image/svg+xml",
            "## Loss\n\n![loss by epoch]",
        )
    ]
    assert places == sorted(places)
    assert "## Reward" not in _report()
