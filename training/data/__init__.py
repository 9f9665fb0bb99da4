"""The data stage: sources, checks, features, splits, batches."""
