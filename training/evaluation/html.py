"""The report of a run as one HTML file: nothing of it lies elsewhere, and nothing in it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from training.evaluation.curve import learning_curves, svg_chart
from training.evaluation.names import earned
from training.evaluation.report import backtests, in_text, thinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Template
    from markupsafe import Markup

    Row = Mapping[str, Any]
    Facts = Sequence[tuple[str, str]]

HISTORY_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain values.

    Attributes:
        title: stands over it; empty: nothing does.
        head: names of the columns.
        rows: numbers and texts.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about the model.

    Attributes:
        status: `promoted`, `rejected`, `awaiting-approval`.
        heading: in a few words.
        reason: in a sentence.
        tables: challenger beside champion.
        curves: what 1 has become over the held-out rows, by name.
        moments: of the curves' points, in words; empty: rows have no times.
    """

    status: str
    heading: str
    reason: str
    tables: Sequence[Table] = ()
    curves: Mapping[str, list[tuple[float, float]]] = field(default_factory=dict)
    moments: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is shown of a run.

    Attributes:
        name: of the model.
        run_id: of the run.
        status: how it stands.
        facts: what and its value, in words.
        commands: what for, and what a person types.
        metrics: of the final model; none yet: empty.
        history: a row an epoch: `epoch`, `step`, `metrics`.
        attempts: what each found, and how it ended.
        data: what the data are, in words.
        findings: in the data, a sentence each.
        configuration: the resolved one, in YAML.
        verdict: the decision about the model, where there is one.
    """

    name: str
    run_id: str
    status: str
    facts: Facts
    commands: Facts
    metrics: Mapping[str, float]
    history: Sequence[Row]
    attempts: Table
    data: Facts
    findings: Sequence[str]
    configuration: str
    verdict: Verdict | None = None


def html_report(page: Page) -> str:
    """One file that a browser shows without a server.

    Every value is escaped, whatever it says; pictures are SVG in the file itself.
    """
    plain = {name: value for name, value in page.metrics.items() if earned(name) is None}
    pictures = learning_curves(page.history)
    told = page.verdict
    equity = svg_chart(told.curves, "point", told.moments) if told else ""
    return _template().render(
        page=page,
        metrics=Table("", ("metric", "value"), list(plain.items())),
        backtests=[Table(*found) for found in backtests(page.metrics)],
        pictures={name: _drawn(svg_chart(lines, "epoch")) for name, lines in pictures.items()},
        equity=_drawn(equity),
        history=_history(page.history),
        epochs=len(page.history),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("training.evaluation", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = in_text
    return environment.get_template("report.html")


def _drawn(svg: str) -> Markup:
    """A picture that is ours: the texts in it are escaped where it is drawn."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704 - see above


def _history(history: Sequence[Row]) -> Table:
    rows = thinned(history, HISTORY_ROWS)
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    cells = [(row["epoch"], row["step"], *map(row["metrics"].get, names)) for row in rows]
    return Table("", ("epoch", "step", *names), cells)
