"""The gate: from a contest to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.registry.promotion.decision import Decision
from training.registry.promotion.rules import APPROVAL, Judgement, build_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.config import PromotionConfig
    from training.registry.promotion.decision import Verdict
    from training.registry.promotion.records import Contest
    from training.registry.promotion.rules import Rule


@dataclass(frozen=True, slots=True)
class Gate:
    """All rules must hold; the first model ever follows a rule of its own."""

    config: PromotionConfig
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, config: PromotionConfig) -> Gate:
        """The gate of a configuration.

        Raises:
            ConfigError: a metric whose name does not say whether lower or higher is better.
        """
        return cls(config, build_rules(config.rules))

    def judge(self, contest: Contest) -> tuple[Verdict, str, tuple[Judgement, ...]]:
        """The verdict, the reason in a sentence, and what each rule says."""
        first = contest.champion is None
        if first and self.config.first == "promote":
            return "promote", "the first model is promoted (promotion.first: promote)", ()
        judgements = tuple(rule.judge(contest) for rule in self.rules)
        failed = [one for one in judgements if one.passed is False]
        against = "there is no champion yet" if first else "of the champion"
        if failed:
            return "reject", "; ".join(one.sentence for one in failed), judgements
        passed = [one.sentence for one in judgements if one.passed]
        reason = "; ".join(passed) or ("no rule speaks against it" if first else "no rule is set")
        if first:
            reason = f"{against}; {reason}"
        if _asks_a_person(judgements) or (first and self.config.first == "approval"):
            return "await-approval", f"awaits approval; {reason}", judgements
        return "promote", reason, judgements


def decide(gate: Gate, contest: Contest, champion: int | None, who: str) -> Decision:
    """The decision about a contest, with every figure.

    Args:
        gate: the rules.
        contest: the figures.
        champion: the version that has the alias.
        who: decides: the run.
    """
    verdict, reason, judgements = gate.judge(contest)
    metrics = {"challenger": contest.challenger.metrics}
    if contest.champion is not None:
        metrics["champion"] = contest.champion.metrics
    return Decision(
        verdict=verdict,
        reason="; ".join((reason, *contest.notes)),
        alias=gate.config.alias,
        version=int(contest.challenger.reference.rpartition(":")[2]),
        champion=champion,
        judgements=tuple(one.to_json() for one in judgements),
        metrics=metrics,
        baselines=contest.baselines,
        curves=contest.curves,
        about=contest.about,
        who=who,
    )


def _asks_a_person(judgements: tuple[Judgement, ...]) -> bool:
    return any(one.rule == APPROVAL for one in _flat(judgements))


def _flat(judgements: tuple[Judgement, ...]) -> Iterator[Judgement]:
    for one in judgements:
        yield one
        yield from _flat(one.parts)
