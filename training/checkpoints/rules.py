"""What to keep: small rules that each name some checkpoints; what any of them names stays.

The names and meanings are those of Orbax's preservation policies.
"""

from __future__ import annotations

from math import isfinite, nan
from typing import TYPE_CHECKING

from training.config import KeepBest, KeepEvery, KeepLatest
from training.metrics import Monitor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import KeepRule
    from training.state import CheckpointRef


def kept(rules: Sequence[KeepRule], newest_first: Sequence[CheckpointRef]) -> set[str]:
    """The places (uri) of the checkpoints that any rule names, and always of the newest.

    Args:
        rules: none means that all are kept.
        newest_first: all checkpoints of a run.
    """
    if not rules:
        return {ref.uri for ref in newest_first}
    names = {ref.uri for ref in newest_first[:1]}
    for rule in rules:
        names |= {ref.uri for ref in _named(rule, newest_first)}
    return names


def _named(rule: KeepRule, newest_first: Sequence[CheckpointRef]) -> Sequence[CheckpointRef]:
    if isinstance(rule, KeepLatest):
        return newest_first[: rule.n]
    between = [ref for ref in newest_first if ref.batch == 0]
    if isinstance(rule, KeepEvery):
        return [ref for ref in between if ref.epoch % rule.n == 0]
    return _best(rule, between)


def _best(rule: KeepBest, refs: Sequence[CheckpointRef]) -> Sequence[CheckpointRef]:
    monitor = Monitor(rule.monitor, rule.mode)
    measured = [ref for ref in refs if isfinite(ref.metrics.get(rule.monitor, nan))]
    sign = 1 if monitor.lower_is_better else -1
    return sorted(measured, key=lambda ref: (sign * ref.metrics[rule.monitor], ref.epoch))[: rule.n]
