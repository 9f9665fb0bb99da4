"""Looking after a storage: is everything whole, what can be mended, what is no longer needed."""

from training.upkeep.collect import Choice, Removal, collect, removable
from training.upkeep.inspect import Inspection, inspect
from training.upkeep.repair import Action, repair

__all__ = ["Action", "Choice", "Inspection", "Removal", "collect", "inspect", "removable", "repair"]
