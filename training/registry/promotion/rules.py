"""The rules of a gate: small values with one method, which combine.

To add a rule: its section in `training.config.promotion`, a class here, a line in `_RULES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from training.config.promotion import (
    AllOfRule,
    AnyOfRule,
    ApprovalRule,
    BeatsRule,
    BetterRule,
    DrawdownRule,
    NotWorseRule,
    PromotionRule,
    SignificantRule,
)
from training.metrics import Monitor
from training.registry.promotion.bootstrap import share_above_zero

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from training.config.promotion import Seeds
    from training.registry.promotion.records import Candidate, Contest

APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a contest.

    Attributes:
        rule: its kind.
        passed: None: it cannot say, since there is no champion; or a person is to.
        sentence: with the figures, for a person.
        figures: all that it compared, by name.
        parts: what the rules within it say.
    """

    rule: str
    passed: bool | None
    sentence: str
    figures: dict[str, float]
    parts: tuple[Judgement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rule": self.rule,
            "passed": self.passed,
            "sentence": self.sentence,
            "figures": self.figures,
            "parts": [part.to_json() for part in self.parts],
        }


class Rule(Protocol):
    """One condition of a promotion."""

    def judge(self, contest: Contest) -> Judgement:
        """Whether it holds, and by which figures."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """Better than the champion by at least `margin`; a negative one: not worse by more than it."""

    kind: str
    monitor: Monitor
    margin: float
    relative: bool
    seeds: Seeds = "chosen"

    def judge(self, contest: Contest) -> Judgement:
        """Compare one metric of the two."""
        name = self.monitor.name
        new = self._of_challenger(contest)
        if new is None:
            return _unmeasured(self.kind, name, contest.challenger)
        if contest.champion is None:
            return _no_champion(self.kind, {name: new})
        old = contest.champion.metrics.get(name)
        if old is None:
            return _unmeasured(self.kind, name, contest.champion)
        gain = old - new if self.monitor.lower_is_better else new - old
        needed = self.margin * abs(old) if self.relative else self.margin
        passed = gain > 0 if needed == 0 and self.kind == "better" else gain >= needed
        asked = f"at least {needed:.6g} better" if needed > 0 else "better"
        if self.kind == "not_worse":
            asked = f"at most {-needed:.6g} worse" if needed else "not worse"
        how = f"{abs(gain):.6g} {'better' if gain > 0 else 'worse'}" if gain else "the same"
        which = "" if self.seeds == "chosen" else f" ({self.seeds} of the seeds)"
        sentence = f"{name} {new:.6g}{which} against {old:.6g} is {how} ({asked} is asked for)"
        figures = {"challenger": new, "champion": old, "gain": gain, "needed": needed}
        return Judgement(self.kind, passed, sentence, figures)

    def _of_challenger(self, contest: Contest) -> float | None:
        """Its value, or the one of its seeds that is asked for."""
        chosen = contest.challenger.metrics.get(self.monitor.name)
        each = contest.seeds.get(self.monitor.name) or (() if chosen is None else (chosen,))
        if self.seeds == "chosen" or not each:
            return chosen
        if self.seeds == "median":
            return median(each)
        return max(each) if self.monitor.lower_is_better else min(each)


@dataclass(frozen=True, slots=True)
class Beats:
    """Better than a baseline by more than `by`."""

    metric: str
    baseline: str
    monitor: Monitor
    by: float

    def judge(self, contest: Contest) -> Judgement:
        """Compare a metric with the same one of the baseline."""
        new, base = (
            contest.challenger.metrics.get(self.metric),
            contest.baselines.get(self.baseline),
        )
        if new is None or base is None:
            return _unmeasured("beats", self.metric if new is None else self.baseline, None)
        gain = base - new if self.monitor.lower_is_better else new - base
        verb = "beats" if gain > self.by else "does not beat"
        more = f" by more than {self.by:g}" if self.by else ""
        sentence = f"{self.metric} {new:.6g} {verb} {self.baseline} {base:.6g}{more}"
        figures = {"challenger": new, "baseline": base, "gain": gain, "needed": self.by}
        return Judgement("beats", gain > self.by, sentence, figures)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The backtest falls at most so far below its highest point."""

    at_most: float

    def judge(self, contest: Contest) -> Judgement:
        """Look at the challenger's own backtest."""
        name = "test_backtest_max_drawdown"
        value = contest.challenger.metrics.get(name)
        if value is None:
            return _unmeasured("drawdown", name, contest.challenger)
        fall = abs(value)
        where = "within" if fall <= self.at_most else "beyond"
        sentence = f"the deepest fall {fall:.2%} is {where} {self.at_most:.2%}"
        return Judgement(
            "drawdown", fall <= self.at_most, sentence, {"fall": fall, "at_most": self.at_most}
        )


@dataclass(frozen=True, slots=True)
class Significant:
    """In so large a share of the bootstrap's samples the challenger is better."""

    config: SignificantRule

    def judge(self, contest: Contest) -> Judgement:
        """Resample the differences of the two, row by row."""
        config = self.config
        new = _series(contest.challenger, config.of)
        if new is None:
            return _unmeasured("significant", f"the {config.of} of each row", contest.challenger)
        if contest.champion is None:
            return _no_champion("significant", {})
        old = _series(contest.champion, config.of)
        if old is None:
            return _unmeasured("significant", f"the {config.of} of each row", contest.champion)
        gains = old - new if config.of == "loss" else new - old
        share = share_above_zero(
            gains, samples=config.samples, block=config.block, seed=config.seed
        )
        passed = share >= config.confidence
        sentence = (
            f"better by {config.of} in {share:.2%} of {config.samples} bootstrap samples over "
            f"{len(gains)} rows (block {config.block}, seed {config.seed}; "
            f"{config.confidence:.2%} is asked for)"
        )
        figures = {
            "share": share,
            "confidence": config.confidence,
            "mean_gain": float(gains.mean()),
            "rows": float(len(gains)),
            "samples": float(config.samples),
            "block": float(config.block),
            "seed": float(config.seed),
        }
        return Judgement("significant", passed, sentence, figures)


@dataclass(frozen=True, slots=True)
class Approval:
    """A person decides."""

    def judge(self, contest: Contest) -> Judgement:
        """It cannot say."""
        return Judgement(APPROVAL, None, "a person is to approve it", {})


@dataclass(frozen=True, slots=True)
class Together:
    """All of some rules, or any of them."""

    kind: str
    rules: tuple[Rule, ...]

    def judge(self, contest: Contest) -> Judgement:
        """Ask them all; those that cannot say do not count."""
        parts = tuple(rule.judge(contest) for rule in self.rules)
        said = [part.passed for part in parts if part.passed is not None]
        passed = (all(said) if self.kind == "all_of" else any(said)) if said else None
        joint = "; " if self.kind == "all_of" else " / "
        sentence = f"{self.kind.replace('_', ' ')} ({joint.join(p.sentence for p in parts)})"
        return Judgement(self.kind, passed, sentence, {}, parts)


def build_rules(configs: Iterable[PromotionRule]) -> tuple[Rule, ...]:
    """The rules of a configuration.

    Raises:
        ConfigError: a metric whose name does not say whether lower or higher is better.
    """
    return tuple(_RULES[type(config)](config) for config in configs)


def _watched(metric: str, mode: Any) -> Monitor:  # noqa: ANN401 - as Monitor takes it
    # A drawdown is 0 or negative, so that the higher one is the smaller fall.
    if mode == "auto" and metric.endswith("max_drawdown"):
        return Monitor(metric, "max")
    return Monitor(metric, mode)


def _better(config: BetterRule) -> Rule:
    monitor = _watched(config.metric, config.mode)
    return Compared("better", monitor, config.by, config.relative, config.seeds)


def _not_worse(config: NotWorseRule) -> Rule:
    monitor = _watched(config.metric, config.mode)
    return Compared("not_worse", monitor, -config.than, config.relative, config.seeds)


def _beats(config: BeatsRule) -> Rule:
    if config.baseline == "majority":
        metric, baseline = "test_accuracy", "majority_accuracy"
    elif config.baseline == "last_value":
        metric, baseline = "test_loss", "last_value_loss"
    else:
        metric = f"test_backtest_{config.measure}"
        baseline = f"{config.baseline}_{config.measure}"
    return Beats(metric, baseline, _watched(metric, "auto"), config.by)


_RULES: dict[type[Any], Callable[[Any], Rule]] = {
    BetterRule: _better,
    NotWorseRule: _not_worse,
    BeatsRule: _beats,
    DrawdownRule: lambda config: Drawdown(config.at_most),
    SignificantRule: Significant,
    ApprovalRule: lambda _config: Approval(),
    AllOfRule: lambda config: Together("all_of", build_rules(config.rules)),
    AnyOfRule: lambda config: Together("any_of", build_rules(config.rules)),
}


def _series(candidate: Candidate, of: str) -> Any:  # noqa: ANN401 - an array or None
    return candidate.losses if of == "loss" else candidate.returns


def _unmeasured(rule: str, what: str, candidate: Candidate | None) -> Judgement:
    """What was not measured never passes."""
    of = f" of {candidate.reference}" if candidate else ""
    return Judgement(rule, False, f"{what}{of} was not measured", {})


def _no_champion(rule: str, figures: dict[str, float]) -> Judgement:
    return Judgement(rule, None, "there is no champion to compare with", figures)
