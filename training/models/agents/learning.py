"""One batch: what an algorithm collects, and what it learns from that.

The order of things is that of the library's own `learn()`, so that a training here ends with the
bits of a training there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from training.models.agents.episodes import Ended

if TYPE_CHECKING:
    from collections.abc import Callable

_LEFT_OUT = {"n_updates", "learning_rate", "clip_range", "clip_range_vf"}


class Recorder(Logger):  # type: ignore[misc] # the library is optional, so it has no types here
    """Keeps what an algorithm tells until the batch ends; it writes nothing."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(folder=None, output_formats=[])

    def record(self, key: str, value: Any, exclude: Any = None) -> None:  # noqa: ANN401 - as the library calls it
        """Keep a value; of several, the last."""
        self.name_to_value[key] = value

    def take(self) -> dict[str, float]:
        """The values since the last call, by the name behind the slash."""
        told = {
            name: float(value)
            for key, value in self.name_to_value.items()
            if (name := key.rpartition("/")[2]) not in _LEFT_OUT
        }
        self.name_to_value.clear()
        return told


def begin(algorithm: Any, planned: int) -> Any:  # noqa: ANN401 - of the library
    """Begin as `learn(planned)` does; gives the callback that a rollout wants."""
    algorithm.set_logger(Recorder())
    _, callback = algorithm._setup_learn(planned)  # noqa: SLF001 - what `learn` begins with
    callback.on_training_start({}, {})
    algorithm.ep_info_buffer = Ended(maxlen=algorithm.ep_info_buffer.maxlen)
    return callback


def batch_of(algorithm: Any, callback: Any) -> Callable[[], None]:  # noqa: ANN401 - of the library
    """The function that collects a batch and learns from it."""
    kind = _off_policy if isinstance(algorithm, OffPolicyAlgorithm) else _on_policy
    return kind(algorithm, callback)


def _on_policy(algorithm: Any, callback: Any) -> Callable[[], None]:  # noqa: ANN401 - of the library
    def batch() -> None:
        algorithm.collect_rollouts(
            algorithm.env, callback, algorithm.rollout_buffer, n_rollout_steps=algorithm.n_steps
        )
        algorithm._update_current_progress_remaining(  # noqa: SLF001 - as `learn` does
            algorithm.num_timesteps,
            algorithm._total_timesteps,  # noqa: SLF001 - as above
        )
        algorithm.train()

    return batch


def _off_policy(algorithm: Any, callback: Any) -> Callable[[], None]:  # noqa: ANN401 - of the library
    def batch() -> None:
        rollout = algorithm.collect_rollouts(
            algorithm.env,
            train_freq=algorithm.train_freq,
            action_noise=algorithm.action_noise,
            callback=callback,
            learning_starts=algorithm.learning_starts,
            replay_buffer=algorithm.replay_buffer,
            log_interval=None,  # nobody reads that log
        )
        if algorithm.num_timesteps > algorithm.learning_starts:
            asked = algorithm.gradient_steps
            steps = asked if asked >= 0 else rollout.episode_timesteps
            if steps > 0:
                algorithm.train(batch_size=algorithm.batch_size, gradient_steps=steps)

    return batch


def metrics_of(algorithm: Any) -> dict[str, float]:  # noqa: ANN401 - of the library
    """What the last batch told, `loss` as the whole that was minimised where it is in parts."""
    told: dict[str, float] = algorithm.logger.take()
    parts = told.get("policy_gradient_loss", told.get("policy_loss"))
    if parts is not None:
        told["loss"] = (
            parts
            + algorithm.ent_coef * told["entropy_loss"]
            + algorithm.vf_coef * told["value_loss"]
        )
    variance = told.get("explained_variance")
    if variance is not None and variance != variance:  # noqa: PLR0124 - NaN: all returns were one
        del told["explained_variance"]
    told.update(algorithm.ep_info_buffer.count())
    return told
