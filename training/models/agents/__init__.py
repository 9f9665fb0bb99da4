"""Agents of Stable-Baselines3 behind the `Model` protocol; imported when a configuration asks."""

from training.models.agents.agent import Agent, build
from training.models.agents.spaces import spaces_of

__all__ = ["Agent", "build", "spaces_of"]
