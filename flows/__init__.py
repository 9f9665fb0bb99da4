"""The flows, and the `retrain` command over them."""

from flows.secrets import block_secret
from training.credentials import PLACES

PLACES["block"] = block_secret
