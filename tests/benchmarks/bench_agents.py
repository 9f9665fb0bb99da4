"""A whole training of an agent through `TrainingEngine` beside the library's own `learn()`.

Both train the same agent on CartPole with the same seed, turn by turn, each in this process and in
one thread; the medians of CPU time are compared. Validation is left out of both (it has no
counterpart in `learn()`): the engine validates only after the last epoch, which is timed apart.
All else that a run does besides `learn()` (checkpoints, evaluation, registration, the report) is
counted; PPO and DQN are about as long as in RL Zoo, A2C is a fifth of it. Memory is the peak of a
fresh process that does nothing else.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import stable_baselines3
import torch
from stable_baselines3.common.env_util import make_vec_env

CARTPOLE = {"type": "gymnasium", "id": "CartPole-v1"}
LIMIT = 1.01
LIMIT_MB = 50
TURNS = 3
AGENTS: dict[str, tuple[int, dict[str, Any]]] = {
    "ppo": (102_400, {"n_steps": 32, "batch_size": 256, "n_epochs": 20}),
    "a2c": (100_000, {}),
    "dqn": (
        50_000,
        {
            "train_freq": 256,
            "gradient_steps": 128,
            "learning_starts": 1000,
            "buffer_size": 100_000,
            "batch_size": 64,
            "target_update_interval": 10,
            "policy_kwargs": {"net_arch": [256, 256]},
        },
    ),
    "dqn, small batches": (
        20_000,
        {"train_freq": 4, "learning_starts": 100, "buffer_size": 50_000},
    ),
}


def directly(name: str) -> float:
    """CPU seconds of `learn()`."""
    steps, given = AGENTS[name]
    kind = name.partition(",")[0]
    count = 1 if kind == "dqn" else 8
    begun = process_time()
    environments = make_vec_env("CartPole-v1", n_envs=count)
    keys = {key: dict(v) if isinstance(v, dict) else v for key, v in given.items()}
    made = getattr(stable_baselines3, kind.upper())("MlpPolicy", environments, seed=1, **keys)
    made.learn(steps)
    return process_time() - begun


def through_engine(name: str) -> float:
    """CPU seconds of the same through the engine, in 4 epochs with 4 checkpoints."""
    from training.engine import TrainingEngine  # not in the process whose memory is the limit
    from training.models.agents.agent import Agent

    steps, given = AGENTS[name]
    kind = name.partition(",")[0]
    model = {
        "type": kind,
        "environment": CARTPOLE,
        "environments": 1 if kind == "dqn" else 8,
        "steps_per_epoch": steps // 4,
        **given,
    }
    measured = [0.0]
    plain = Agent.episodes

    def apart(self: Agent, numbers: Any) -> Any:  # noqa: ANN401 - as it is
        begun = process_time()
        found = plain(self, numbers)
        measured[0] += process_time() - begun
        return found

    Agent.episodes = apart  # type: ignore[method-assign] # put back below
    training = {"epochs": 4, "seed": 1, "validate_every_n_epochs": 4}
    with tempfile.TemporaryDirectory() as folder:
        begun = process_time()
        TrainingEngine(folder).train(model, {"source": {"type": "none"}}, training)
        seconds = process_time() - begun
    Agent.episodes = plain  # type: ignore[method-assign] # as it was
    return seconds - measured[0]


def peak(way: str, name: str) -> float:
    """Megabytes of a fresh process, by what Linux says of it."""
    command = [sys.executable, __file__, way, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{'agent':20} {'learn()':>9} {'engine':>9} {'ratio':>7} {'MB above':>9}")
    for name in sys.argv[1:] or AGENTS:
        pairs = [(directly(name), through_engine(name)) for _ in range(TURNS)]
        own, ours = (median(times) for times in zip(*pairs, strict=True))
        ratio = median(b / a for a, b in pairs)
        more = peak("through_engine", name) - peak("directly", name)
        print(f"{name:20} {own:8.2f}s {ours:8.2f}s {ratio:7.3f} {more:9.1f}")
    print(f"limits: ratio {LIMIT}, {LIMIT_MB} MB")


if __name__ == "__main__":
    if sys.argv[1:2] in (["directly"], ["through_engine"]):
        torch.set_num_threads(1)
        {"directly": directly, "through_engine": through_engine}[sys.argv[1]](sys.argv[2])
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        # Not ru_maxrss: it begins with the peak of the process that started this one.
        print(float(status.partition("VmHWM:")[2].split()[0]) / 1024)
    else:
        main()
