"""The report as one HTML file: whole by itself, small, and harmless whatever names say."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from training.evaluation import Page, Table, Verdict, html_report

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;${{7*7}}"
VOID = {"meta", "br", "img", "link", "input"}


class Reader(HTMLParser):
    """What a browser would make of it: elements with their attributes, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _page(epochs: int = 3, name: str = "m", **changed: Any) -> Page:  # noqa: ANN401 - any field
    metrics = ("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", name)
    return replace(
        Page(
            name=name,
            run_id=f"{name}-1",
            status="completed",
            facts=[("model", f"{name}:1")],
            commands=[("To predict", f"retrain score {name}:1")],
            metrics={"loss": 0.5, "test_loss": 0.6, name: 0.123456789, "test_backtest_sharpe": 1.5},
            history=[
                {"epoch": at, "step": at * 7, "metrics": dict.fromkeys(metrics, 1 / (at + 0.123))}
                for at in range(1, epochs + 1)
            ],
            attempts=Table("", ("attempt", "how it ended"), [(1, name)]),
            data=[("columns", name)],
            findings=[name],
            configuration=f"name: {name}\n",
        ),
        **changed,
    )


def test_it_says_everything_and_needs_nothing_else() -> None:
    """Metrics, each epoch, a picture a metric, data, configuration; no link, no script, no file."""
    verdict = Verdict(
        status="promoted",
        heading="m:1 is the new champion",
        reason="It is better.",
        tables=[Table("On the same rows", ("metric", "challenger"), [("test_loss", 0.6)])],
        curves={"challenger": [(0.0, 1.0), (1.0, 1.1)]},
    )
    read = Reader(html_report(_page(verdict=verdict)))
    text = " ".join(read.texts)
    for said in (
        *("m-1", "m:1 is the new champion", "It is better.", "On the same rows", "0.123457"),
        *("Backtest, test part, after costs", "retrain score m:1", "name: m"),
    ):
        assert said in text, said
    assert [tag for tag, _ in read.elements].count("svg") == 5  # equity, loss, accuracy, rate, m
    for tag, attributes in read.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "a"}
        assert not {"src", "href"} & set(attributes)
    assert text.count("21") >= 1  # the step of epoch 3 stands in the table


def test_the_equity_has_dates_where_the_rows_have_times() -> None:
    """The first, the middle and the last of them, within the picture; else numbers."""
    points = [(0.0, 1.0), (1.0, 1.1), (2.0, 1.2)]
    days = ["2018-01-02T15:30:00", "2018-06-29T15:30:00", "2018-12-31T15:30:00"]
    dated = Verdict("promoted", "m:1", "It is better.", curves={"m": points}, moments=days)
    read = Reader(html_report(_page(verdict=dated)))
    assert set(days) <= set(read.texts)
    assert not any(text.startswith("point ") for text in read.texts)
    assert "point 2" in Reader(html_report(_page(verdict=replace(dated, moments=())))).texts


def test_hostile_names_are_text() -> None:
    """A model, a metric, a column, a reason that is HTML is shown, and never becomes part of it."""
    verdict = Verdict(HOSTILE, HOSTILE, HOSTILE, [Table(HOSTILE, (HOSTILE,), [(HOSTILE,)])],
                      {HOSTILE: [(0.0, 1.0)]})  # fmt: skip
    page = _page(name=HOSTILE, verdict=verdict, status=HOSTILE)
    read = Reader(html_report(page))
    plain = Reader(html_report(_page(verdict=replace(verdict, curves={"m": [(0.0, 1.0)]}))))
    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    for _, attributes in read.elements:
        assert not any(name.startswith("on") for name in attributes)
    assert "<script" not in html_report(page)
    assert sum(HOSTILE in text for text in read.texts) >= 15


def test_a_thousand_epochs_are_below_half_a_megabyte() -> None:
    """All of them are in the table; of more, a thousand, evenly, with the last."""
    text = html_report(_page(1000))
    assert len(text.encode()) < 500_000
    assert text.count('<tr><td class="n">') == 1000 + 1  # and the attempt
    longer = html_report(_page(5000))
    assert len(longer.encode()) < 500_000
    assert "1000 of 5000 epochs, evenly" in longer
    assert '<td class="n">5000</td>' in longer


def test_a_run_that_has_nothing_yet_is_a_page_too() -> None:
    """Killed before its first epoch."""
    text = html_report(_page(0, metrics={}, status="killed"))
    Reader(text)
    assert "No epoch was trained." in text
    assert "None were measured yet." in text
