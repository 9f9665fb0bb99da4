"""The flows, and the `retrain` command over them."""
