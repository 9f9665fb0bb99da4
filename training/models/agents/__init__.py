"""Agents of Stable-Baselines3 behind the `Model` protocol; imported when a configuration asks.

Nothing is imported here: every training asks `worlds` whether it has any, and only agents need
PyTorch.
"""
