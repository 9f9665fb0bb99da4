"""Tables that are larger than memory: read in batches into files that are mapped."""

from training.data.disk.build import disk_dataset
from training.data.disk.choose import goes_to_disk

__all__ = ["disk_dataset", "goes_to_disk"]
