"""An agent of Stable-Baselines3 as a `Model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.agents import RecurrentPpoConfig
from training.config.training import TrainingConfig
from training.errors import ConfigError, DataError
from training.models.agents.algorithms import make_algorithm, make_policy
from training.models.agents.episodes import act_out, mean_of_episodes, shown_of
from training.models.agents.learning import batch_of, begin, metrics_of
from training.models.agents.memory import Memory, fingerprint, load_weights, weights_of
from training.models.agents.randomness import AgentRandomness
from training.models.agents.spaces import from_json
from training.models.agents.trial import try_out
from training.models.agents.worlds import FIRST_SEED
from training.models.pytorch.device import choose_device

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import gymnasium as gym
    import torch

    from training.config.agents import AgentConfig
    from training.models.agents.episodes import Measured
    from training.models.agents.worlds import Worlds
    from training.types import Array, Batch, Metrics, ModelSpec

_CHUNK_ROWS = 1024
OWN = "backtest"
_INSTEAD = {
    "batch_size": "model.batch_size",
    "shuffle": "nothing: an agent's steps have one order",
    "drop_last": "nothing: an agent's batches are whole",
    "optimizer": "model.learning_rate",
    "schedule": "model.learning_rate: lin_0.001",
    "clip_norm": "model.max_grad_norm",
}


def build(
    config: AgentConfig,
    spec: ModelSpec,
    training: TrainingConfig,
    trusted: Collection[str] | None = None,  # noqa: ARG001 - every builder is called alike
    worlds: Worlds | None = None,
) -> Agent:
    """The agent of a section: with environments to learn in, or the policy alone to predict with.

    Raises:
        ConfigError: a key that agents ignore is set, the algorithm cannot act in these
            environments, or their state cannot be stored and brought back to the bit.
    """
    _refuse_ignored(training)
    if worlds is not None:
        try_out(worlds, spec.seed)
    return Agent(config, spec, worlds)


class Agent:
    """A policy, the algorithm that teaches it, and the environments that it acts in.

    A batch is what the algorithm collects between two updates, so its rows are nothing but the
    numbers of its steps; the rows of a validation are the numbers of its episodes.

    Attributes:
        judged_by: the metric that says how good it is.
        policy: the library's own, which predicts.
        algorithm: the library's own; None where there is nothing but a policy.
    """

    judged_by = "reward"
    algorithm: Any
    policy: Any

    def __init__(self, config: AgentConfig, spec: ModelSpec, worlds: Worlds | None) -> None:
        """Make everything, with the weights that follow from `spec.seed`.

        Raises:
            ConfigError: as `build`.
        """
        self._config, self._spec, self._worlds = config, spec, worlds
        device = choose_device(config.device, "float32")
        self._randomness = AgentRandomness(
            spec.seed, device, python=worlds is None or worlds.draws_from_python
        )
        self._measuring: dict[int, gym.Env[Any, Any]] = {}
        self._acted_with = b""
        self._acted: dict[tuple[int, ...], list[Measured]] = {}
        self._steps = config.steps_per_batch
        with self._randomness:
            if worlds is None:
                self.algorithm, self.policy = None, self._policy_alone(device)
                return
            self.algorithm = self._beginning(worlds, device)
        self.policy = self.algorithm.policy
        self._memory = Memory(self.algorithm, self._randomness)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update."""
        one = self.algorithm
        return float(one.lr_schedule(one._current_progress_remaining))  # noqa: SLF001 - it has no other name

    def train_on_batch(self, batch: Batch) -> Metrics:
        """Take so many steps in the environments, then learn from them.

        Args:
            batch: `x` are the numbers of the steps.

        Returns:
            What the algorithm tells (`loss` once it learns), and `reward` and `episode_length` as
            means over the episodes that ended, if any did.

        Raises:
            DataError: another number of steps than the algorithm takes between two updates.
        """
        if len(batch.x) != self._steps:
            raise DataError(
                f"a batch of {len(batch.x)} steps; expected {self._steps}, which "
                f"{self._config.type} takes between two updates"
            )
        with self._randomness:
            self._batch()
        return metrics_of(self.algorithm)

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """Act without exploring, an episode for each row.

        Args:
            batch: `x` are the numbers of the episodes: first those of the validation, then those
                of the test. Each has its own seed, the same in every training.

        Returns:
            Means over the episodes: `reward`, `episode_length`, and what the environment tells.

        Raises:
            DataError: there are no such episodes.
        """
        return dict(mean_of_episodes([shown_of(one) for one in self.episodes(batch.x)]))

    def compared(self, numbers: Array) -> dict[str, float]:
        """What the agent earned in its episodes, and others on the same bars at the same costs.

        Returns:
            `backtest_sharpe`, `buy_and_hold_sharpe` and so on, means over the episodes; nothing
            where environments measure no such thing.
        """
        worlds: Any = [self._measured_in(number).unwrapped for number in numbers.tolist()]
        if not all(hasattr(world, "baselines") for world in worlds):
            return {}
        told = []
        for world, one in zip(worlds, self.episodes(numbers), strict=True):
            strategies = {OWN: one.info.get("measures", {}), **world.baselines(self._spec.seed)}
            told.append(
                {
                    f"{name}_{measure}": value
                    for name, measures in strategies.items()
                    for measure, value in measures.items()
                }
            )
        return {name: float(value) for name, value in mean_of_episodes(told).items()}

    def episodes(self, numbers: Array) -> list[Measured]:
        """Act without exploring; the training goes on as if nothing had happened.

        Asked again with the same weights, nothing is acted anew.

        Raises:
            DataError: there are no such episodes.
        """
        worlds = self._worlds
        known = 0 if worlds is None else worlds.validation + worlds.test
        if worlds is None or np.ndim(numbers) != 1 or not np.isin(numbers, np.arange(known)).all():
            raise DataError(
                f"episodes {np.asarray(numbers)!r:.60}: expected some of 0 to {known - 1}"
            )
        chosen = [int(number) for number in numbers]
        weights = fingerprint(self.policy)
        if weights != self._acted_with:
            self._acted_with, self._acted = weights, {}
        known_as = tuple(chosen)
        if known_as not in self._acted:
            self._acted[known_as] = self._act_out(worlds, chosen)
        return self._acted[known_as]

    def _act_out(self, worlds: Worlds, chosen: Sequence[int]) -> list[Measured]:
        measured_in = [self._measured_in(number) for number in chosen]
        seeds = [FIRST_SEED + number for number in chosen]
        return self.act_in(measured_in, seeds, python=worlds.draws_from_python)

    def act_in(
        self,
        environments: Sequence[gym.Env[Any, Any]],
        seeds: Sequence[int],
        *,
        python: bool = True,
    ) -> list[Measured]:
        """Act without exploring, an episode in each of these environments.

        Args:
            environments: of the spaces that the policy knows.
            seeds: of each episode.
            python: whether one of them may draw from Python's global generator.
        """
        with AgentRandomness(FIRST_SEED, self.policy.device, python=python):
            return act_out(
                lambda seen, memory, starts: self.policy.predict(
                    seen, memory, starts, deterministic=True
                ),
                environments,
                seeds,
            )

    def _measured_in(self, number: int) -> gym.Env[Any, Any]:
        """The environment of an episode, made when it is first asked for."""
        if number not in self._measuring and self._worlds is not None:
            self._measuring[number] = self._worlds.make(self._worlds.part_of(number))
        return self._measuring[number]

    def predict(self, x: Array) -> Array:
        """The action for each observation, without exploring.

        Raises:
            DataError: observations of another shape or dtype.
            ConfigError: the agent remembers what it saw before, so that rows alone say too little.
        """
        if isinstance(self._config, RecurrentPpoConfig):
            raise ConfigError(
                "a recurrent_ppo acts by all that it saw since an episode began, so a row alone "
                "has no prediction; let it act in an environment, or take model.type: ppo"
            )
        self._check(x)
        pieces = [
            self.policy.predict(x[at : at + _CHUNK_ROWS], deterministic=True)[0]
            for at in range(0, len(x), _CHUNK_ROWS)
        ]
        space = self.policy.action_space
        return np.concatenate(pieces) if pieces else np.empty((0, *space.shape), space.dtype)

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that is remembered.

        Returns:
            `weights`: of the policy, with its target network; `training`: the rest.
        """
        state: dict[str, Any] = {"weights": weights_of(self.policy)}
        if self.algorithm is not None:
            state["training"] = self._memory.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; with `weights` alone, all else stays as it is.

        Raises:
            ConfigError: it belongs to another configuration.
        """
        unknown = set(state) - {"weights", "training"}
        if unknown or "weights" not in state:
            raise ConfigError(
                f"this state has the parts {sorted(state)}; expected 'weights' and, to go on with "
                "a training, 'training'"
            )
        learns = "training" in state and self.algorithm is not None
        if learns:
            self._memory.check(state["training"])
        load_weights(self.policy, state["weights"])
        if learns:
            self._memory.load_state_dict(state["training"])

    def _beginning(self, worlds: Worlds, device: torch.device) -> Any:  # noqa: ANN401 - the library's
        """The algorithm, its environments reset; seeded as the library does it with a seed."""
        spec, config = self._spec, self._config
        environment = worlds.vector(config.environments)
        environment.action_space.seed(spec.seed % 2**32)
        environment.seed(spec.seed % 2**32)
        algorithm = make_algorithm(config, environment, device)
        callback = begin(algorithm, spec.epochs * spec.batches_per_epoch * self._steps)
        self._batch = batch_of(algorithm, callback)
        return algorithm

    def _policy_alone(self, device: torch.device) -> Any:  # noqa: ANN401 - the library's
        if self._spec.spaces is None:
            raise ConfigError(
                f"model.type = {self._config.type!r} needs environments to be made; train it with "
                "TrainingEngine or `retrain run`, or give ModelSpec its spaces"
            )
        known = (from_json(self._spec.spaces[name]) for name in ("observation", "action"))
        return make_policy(self._config, *known).to(device)

    def _check(self, x: object) -> None:
        space = self.policy.observation_space
        shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
        if shape is None or shape[1:] != space.shape or dtype != space.dtype:
            raise DataError(
                f"observations of shape {shape} and dtype {dtype}; expected a {space.dtype} array "
                f"of shape (rows, {', '.join(map(str, space.shape))})"
            )


def _refuse_ignored(training: TrainingConfig) -> None:
    for name, instead in _INSTEAD.items():
        if getattr(training, name) != TrainingConfig.model_fields[name].default:
            raise ConfigError(
                f"training.{name}: an agent does not look at it; leave it out, and set {instead}"
            )
