"""From rows somewhere to predictions somewhere, with a retraining in between."""

from training.etl.pipeline import Pipeline
from training.etl.tables import TableRef

__all__ = ["Pipeline", "TableRef"]
