"""Storage: immutable artifacts, committed atomically, verified on every read."""
