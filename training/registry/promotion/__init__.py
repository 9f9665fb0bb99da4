"""May a new version take the champion's place? Rules, the decision, and carrying it out."""

from training.registry.promotion.carry_out import approve, carry_out, turn_down
from training.registry.promotion.contest import contest, measured_on
from training.registry.promotion.decision import Decision, DecisionLog
from training.registry.promotion.gate import Gate, decide
from training.registry.promotion.records import Candidate, Contest
from training.registry.promotion.rules import Judgement, Rule

__all__ = [
    "Candidate",
    "Contest",
    "Decision",
    "DecisionLog",
    "Gate",
    "Judgement",
    "Rule",
    "approve",
    "carry_out",
    "contest",
    "decide",
    "measured_on",
    "turn_down",
]
