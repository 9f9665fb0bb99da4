"""What a series of positions would have earned, after costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.market.measures import TAIL, equity, measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.types import Array

BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """A strategy over a stretch of bars, of whatever made it: a rule, or an agent's episode.

    Attributes:
        positions: held from each bar to the next, as shares of the capital: 1 long, 0 in cash,
            -1 short; shape (bars,), or (bars, symbols).
        traded: value traded at each bar as a share of the capital, the entry at the first among
            them, shape (bars,).
        returns: simple return of each bar after costs, shape (bars,).
    """

    positions: Array
    traded: Array
    returns: Array

    @property
    def equity(self) -> Array:
        """What 1 has become after each bar, shape (bars,)."""
        return equity(self.returns)

    def measures(self, bars_per_year: float | None, *, tail: float = TAIL) -> dict[str, float]:
        """Those of the returns, and how the strategy traded.

        Besides `measures`: `turnover` (value traded a bar), `exposure` (mean of the positions'
        sizes added up: of positions 1, 0 and -1 the share of the bars with one), `hit_rate`
        (share of the bars with a position that earned something after costs).
        """
        found = measures(self.returns, bars_per_year, tail=tail)
        sizes = np.abs(self.positions)
        sizes = sizes.sum(axis=1) if sizes.ndim > 1 else sizes
        held = sizes > 0
        if len(held):
            found |= {"turnover": float(self.traded.mean()), "exposure": float(sizes.mean())}
        if held.any():
            found["hit_rate"] = float((self.returns[held] > 0).mean())
        return found


def backtest(positions: Array, returns: Array, *, cost_bps: float) -> Backtest:
    """Hold a position from each bar to the next.

    Args:
        positions: decided at the close of each bar, with nothing later known, shape (bars,).
        returns: simple return from each bar's close to the next one's, shape (bars,).
        cost_bps: cost of a change of position, in hundredths of a per cent of the traded value;
            entering at the first bar is one, leaving after the last is not.

    Raises:
        ValueError: not as many positions as returns.
    """
    if positions.shape != returns.shape:
        raise ValueError(
            f"positions of shape {positions.shape} and returns of shape {returns.shape}; expected "
            "one position for each return"
        )
    traded = np.abs(np.diff(positions, prepend=0.0))
    after = positions * returns - traded * cost_bps / BASIS_POINTS
    return Backtest(positions=positions, traded=traded, returns=after)


def portfolio(accounts: Sequence[Backtest], bars: Sequence[Array], count: int) -> Backtest:
    """Several symbols, each traded by itself with an equal share of the capital at the beginning.

    Nothing is moved from one to another later: what a symbol earns stays with it, so that long all
    the time is what buying equal parts and holding them gives.

    Args:
        accounts: of each symbol, over its own bars.
        bars: of each symbol the numbers of its bars among those of the portfolio, rising. Where it
            has none it earns nothing and keeps its position; before its first and after its last
            one it is in cash.
        count: bars of the portfolio.

    Returns:
        Positions of shape (bars, symbols), as shares of what the whole is worth.
    """
    worth = np.ones((count + 1, len(accounts)))
    positions, traded = np.zeros((2, count, len(accounts)))
    for symbol, (account, at) in enumerate(zip(accounts, bars, strict=True)):
        earned = np.zeros(count)
        earned[at] = account.returns
        worth[1:, symbol] = equity(earned)
        traded[at, symbol] = account.traded
        if len(at):
            held = np.searchsorted(at, np.arange(at[0], at[-1] + 1), side="right") - 1
            positions[at[0] : at[-1] + 1, symbol] = account.positions[held]
    total = worth.sum(axis=1)
    solvent = total[:-1] > 0  # what is lost wholly stays lost
    grown = np.divide(total[1:], total[:-1], out=np.ones(count), where=solvent)
    shares = np.divide(
        worth[:-1], total[:-1, None], out=np.zeros(positions.shape), where=solvent[:, None]
    )
    return Backtest(shares * positions, (shares * traded).sum(axis=1), grown - 1.0)
