"""May a new version take the champion's place? Rules, the decision, and carrying it out."""

from training.registry.promotion.carry_out import approve, carry_out, turn_down
from training.registry.promotion.contest import Candidate, Contest, contest, inputs_of, measure
from training.registry.promotion.decision import Decision, DecisionLog
from training.registry.promotion.gate import Gate, decide
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
    "inputs_of",
    "measure",
    "turn_down",
]
