"""The data stage: sources, checks, features, splits, batches."""

from training.data.batches import count_batches, epoch_batches
from training.data.dataset import Dataset, Part, Prices
from training.data.manager import DataManager
from training.data.pipeline import FeaturePipeline
from training.data.table import Table

__all__ = [
    "DataManager",
    "Dataset",
    "FeaturePipeline",
    "Part",
    "Prices",
    "Table",
    "count_batches",
    "epoch_batches",
]
