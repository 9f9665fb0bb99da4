"""An environment of Gymnasium's kind in which agents trade; needs the extra `agents`.

In time: at the close of bar t the agent sees its account and the features up to t, and decides. At
bar t + 1, first, what it decided is traded at the open, at a cost. Then stop-loss and take-profit
are looked for in the bar's range. Then the account is marked at the close, what is borrowed is
paid for, and the reward is given. So no observation and no reward depends on a later bar.
"""

from training.market.environment.ledger import Ledger
from training.market.environment.market import Market
from training.market.environment.measured import MeasuredEnv
from training.market.environment.outcome import Outcome
from training.market.environment.single import TradingEnv
from training.market.environment.vector import TradingVectorEnv

__all__ = ["Ledger", "Market", "MeasuredEnv", "Outcome", "TradingEnv", "TradingVectorEnv"]
