"""What to keep: small rules that each name some checkpoints; what any of them names stays.

The names and meanings are those of Orbax's preservation policies.
"""

from __future__ import annotations

from math import isfinite, nan
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.config import (
    KeepAll,
    KeepAnyOf,
    KeepBest,
    KeepCustomSteps,
    KeepEvery,
    KeepEveryNSteps,
    KeepLatest,
)
from training.metrics import Monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from training.config import KeepRule
    from training.state import CheckpointRef

    Times = Mapping[str, float]


def kept(
    rules: Sequence[KeepRule],
    newest_first: Sequence[CheckpointRef],
    saved_at: Times = MappingProxyType({}),
) -> set[str]:
    """The places (uri) of the checkpoints that any rule names, and always of the newest.

    Args:
        rules: none means that all are kept.
        newest_first: all checkpoints of a run.
        saved_at: when each was saved, by its place, in seconds since 1970; one that is not in here
            is kept by rules that ask for the time.
    """
    if not rules:
        return {ref.uri for ref in newest_first}
    names = {ref.uri for ref in newest_first[:1]}
    for rule in rules:
        names |= {ref.uri for ref in _named(rule, newest_first, saved_at)}
    return names


def _named(
    rule: KeepRule, newest_first: Sequence[CheckpointRef], saved_at: Times
) -> Iterable[CheckpointRef]:
    if isinstance(rule, KeepAll):
        return newest_first
    if isinstance(rule, KeepLatest):
        return newest_first[: rule.n]
    if isinstance(rule, KeepBest):
        return _best(rule, newest_first)
    if isinstance(rule, KeepEvery):
        return [ref for ref in newest_first if ref.batch == 0 and ref.epoch % rule.n == 0]
    if isinstance(rule, KeepCustomSteps):
        return [ref for ref in newest_first if ref.step in rule.steps]
    if isinstance(rule, KeepAnyOf):
        return [ref for one in rule.rules for ref in _named(one, newest_first, saved_at)]
    if isinstance(rule, KeepEveryNSteps):
        if rule.exact:
            return [ref for ref in newest_first if ref.step % rule.n == 0]
        return _spaced(newest_first, rule.n, lambda ref: ref.step)
    return _spaced(newest_first, rule.seconds, lambda ref: saved_at.get(ref.uri))


def _best(rule: KeepBest, refs: Sequence[CheckpointRef]) -> Sequence[CheckpointRef]:
    monitor = Monitor(rule.monitor, rule.mode)
    between = [ref for ref in refs if ref.batch == 0]
    measured = [ref for ref in between if isfinite(ref.metrics.get(rule.monitor, nan))]
    sign = 1 if monitor.lower_is_better else -1
    best = sorted(measured, key=lambda ref: (sign * ref.metrics[rule.monitor], ref.epoch))
    others = [ref for ref in between if rule.monitor not in ref.metrics]
    return best[: rule.n] + (others if rule.keep_without_metric else [])


def _spaced(
    newest_first: Sequence[CheckpointRef],
    distance: float,
    position: Callable[[CheckpointRef], float | None],
) -> Iterator[CheckpointRef]:
    """From the oldest on, each that lies this far or farther from the one before that is kept.

    What was kept once is kept again, since whatever goes lies between two that stay.
    """
    last: float | None = None
    for ref in reversed(newest_first):
        at = position(ref)
        if at is None or last is None or at - last >= distance:
            yield ref
            last = last if at is None else at
