"""What every agent promises: the contract of a model, and the bits of its library."""

from __future__ import annotations

import random
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore, digest, encode
from training.config.training import AdamConfig, TrainingConfig
from training.data.nothing import no_data
from training.errors import ConfigError, DataError
from training.metrics import MeanOf
from training.models import Model, ModelFactory
from training.models.checks import same_state
from training.registry import ModelRegistry
from training.types import Batch

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")
pytest.importorskip("sb3_contrib", reason="sb3-contrib is an extra")

pytestmark = pytest.mark.usefixtures("one_thread")

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.training.models.agents.conftest import Kind


def test_it_follows_the_protocol(kind: Kind) -> None:
    assert isinstance(kind.build(), Model)


def test_it_ends_with_the_bits_of_the_library_s_own_learn(
    kind: Kind, direct: Callable[[Kind, int], Any]
) -> None:
    agent = kind.build()
    kind.train(agent, kind.batches)
    expected = direct(kind, kind.batches * kind.config.steps_per_batch)
    assert agent.algorithm.num_timesteps == expected.num_timesteps
    assert agent.algorithm._n_updates == expected._n_updates > 0
    theirs = {name: tensor.numpy() for name, tensor in expected.policy.state_dict().items()}
    assert digest(agent.state_dict()["weights"]) == digest(theirs)


def test_resumed_after_any_batch_it_ends_bit_identical(kind: Kind) -> None:
    whole = kind.build()
    states = [whole.state_dict()]
    metrics = []
    for _ in range(kind.batches):
        metrics += kind.train(whole, 1)
        states.append(whole.state_dict())
    for stop in (0, 1, kind.batches // 2, kind.batches - 1):
        resumed = kind.build(seed=99)
        resumed.load_state_dict(states[stop])
        assert same_state(resumed.state_dict(), states[stop])
        assert kind.train(resumed, kind.batches - stop) == metrics[stop:]
        assert same_state(resumed.state_dict(), states[-1])


def test_a_state_is_stored_without_pickle_and_comes_back(kind: Kind, tmp_path: Path) -> None:
    agent, other = kind.build(), kind.build(seed=99)
    kind.train(agent, 3)
    store = ArtifactStore(tmp_path)
    store.commit("state", {"state.safetensors": encode(agent.state_dict())}, {})
    other.load_state_dict(store.read_tree("state", "state.safetensors"))
    assert same_state(other.state_dict(), agent.state_dict())
    assert kind.train(other, 2) == kind.train(agent, 2)


def test_a_captured_state_is_a_copy(kind: Kind) -> None:
    agent = kind.build()
    kind.train(agent, 2)
    captured = agent.state_dict()
    kept = deepcopy(captured)
    kind.train(agent, 2)
    assert same_state(captured, kept)

    kept = deepcopy(agent.state_dict())
    for array in _arrays(agent.state_dict()):
        array.fill(0)
    assert same_state(agent.state_dict(), kept)

    state = agent.state_dict()
    untouched = deepcopy(state)
    agent.load_state_dict(state)
    kind.train(agent, 2)
    assert same_state(state, untouched)


def test_two_agents_share_nothing(kind: Kind) -> None:
    one, other = kind.build(), kind.build()
    start = deepcopy(other.state_dict())
    kind.train(one, 3)
    assert same_state(other.state_dict(), start)


def test_what_others_draw_does_not_matter_and_is_not_touched(kind: Kind) -> None:
    """Not even the second of a pair of normal numbers, which NumPy keeps."""
    expected = kind.train(kind.build(), 4)
    seeded()
    drawn = [draw() for _ in range(5)]

    seeded()
    found = [draw()]
    agent = kind.build()
    found.append(draw())
    metrics = kind.train(agent, 2)
    found.append(draw())
    agent.load_state_dict(agent.state_dict())
    agent.evaluate_on_batch(Batch(np.arange(2), np.arange(2)))
    found.append(draw())
    metrics += kind.train(agent, 2)
    found.append(draw())
    assert found == drawn
    assert metrics == expected


def test_measuring_and_predicting_change_nothing(kind: Kind, episodes: Any) -> None:  # noqa: ANN401 - a fixture
    measured, plain = kind.build(), kind.build()
    for _ in range(3):
        kind.train(measured, 1)
        kind.train(plain, 1)
        first = measured.evaluate_on_batch(episodes(0, 1, 2))
        assert measured.evaluate_on_batch(episodes(0, 1, 2)) == first
        if kind.config.type != "recurrent_ppo":
            measured.predict(np.zeros((5, 4), np.float32))
    assert same_state(measured.state_dict(), plain.state_dict())


def test_metrics_are_of_what_was_measured(kind: Kind, episodes: Any) -> None:  # noqa: ANN401 - a fixture
    agent = kind.build()
    metrics = kind.train(agent, kind.batches)
    assert all(type(value) in {float, MeanOf} for one in metrics for value in one.values())
    assert "loss" in metrics[-1]
    ended = [one for one in metrics if "reward" in one]
    assert ended
    assert all(one["reward"] == one["episode_length"] for one in ended)  # CartPole gives 1 a step
    measured = agent.evaluate_on_batch(episodes(0, 1))
    assert set(measured) == {"reward", "episode_length"}
    assert measured["reward"] == measured["episode_length"] >= 8


def test_the_same_weights_act_once(kind: Kind, episodes: Any) -> None:  # noqa: ANN401 - a fixture
    """What they did is told again; other weights act, and so do the first when they come back."""
    import gymnasium as gym

    class Counted(gym.Wrapper):  # type: ignore[misc] # gymnasium is optional
        begun = 0

        def reset(self, **given: Any) -> Any:  # noqa: ANN401 - as gymnasium has it
            Counted.begun += 1
            return super().reset(**given)

    def make(part: str) -> Any:  # noqa: ANN401 - an environment
        world = kind.worlds.make(part)
        return world if part == "train" else Counted(world)

    agent = replace(kind, worlds=replace(kind.worlds, make=make)).build()
    first = agent.evaluate_on_batch(episodes(0, 1, 2))
    assert agent.evaluate_on_batch(episodes(0, 1, 2)) == first
    assert Counted.begun == 3
    agent.evaluate_on_batch(episodes(3, 4))
    assert Counted.begun == 5
    state = agent.state_dict()
    other = kind.build(seed=8).state_dict()["weights"]
    agent.load_state_dict({"weights": other})
    agent.evaluate_on_batch(episodes(0, 1, 2))
    agent.load_state_dict(state)
    assert agent.evaluate_on_batch(episodes(0, 1, 2)) == first
    assert Counted.begun == 11


def test_validation_and_test_have_their_own_episodes(kind: Kind, episodes: Any) -> None:  # noqa: ANN401 - a fixture
    agent = kind.build()
    each = [agent.evaluate_on_batch(episodes(number))["reward"] for number in range(5)]
    together = agent.evaluate_on_batch(episodes(0, 1, 2))["reward"]
    assert together == pytest.approx(np.mean(each[:3]))
    with pytest.raises(DataError, match="expected some of 0 to 4"):
        agent.evaluate_on_batch(episodes(5))


def test_weights_alone_leave_the_rest(kind: Kind) -> None:
    one, other = kind.build(), kind.build(seed=99)
    kind.train(one, 3)
    kind.train(other, 5)
    kept = other.state_dict()["training"]
    other.load_state_dict({"weights": one.state_dict()["weights"]})
    assert same_state(other.state_dict()["weights"], one.state_dict()["weights"])
    assert same_state(other.state_dict()["training"], kept)


def test_foreign_states_and_wrong_batches_are_clear_errors_and_change_nothing(kind: Kind) -> None:
    agent = kind.build()
    kind.train(agent, 1)
    start = deepcopy(agent.state_dict())
    wider = kind.config.policy_kwargs.model_copy(update={"net_arch": (5,)})
    other = ModelFactory(worlds=kind.worlds).get_model(
        kind.config.model_copy(update={"policy_kwargs": wider}), kind.spec
    )
    more = ModelFactory(worlds=kind.worlds).get_model(
        kind.config.model_copy(update={"environments": 2 * kind.config.environments}), kind.spec
    )
    for state, said in (
        (other.state_dict(), "this model expects|another algorithm"),
        (more.state_dict(), "another number of environments"),
        ({"weights": start["weights"], "extra": 1}, "parts"),
    ):
        with pytest.raises(ConfigError, match=said):
            agent.load_state_dict(state)
    steps = np.arange(kind.config.steps_per_batch + 1)
    with pytest.raises(DataError, match="between two updates"):
        agent.train_on_batch(Batch(steps, steps))
    assert same_state(agent.state_dict(), start)


def test_one_row_is_predicted_as_among_many(kind: Kind) -> None:
    agent = kind.build()
    kind.train(agent, 3)
    x = np.random.default_rng(3).normal(size=(2500, 4)).astype(np.float32)
    if kind.config.type == "recurrent_ppo":
        with pytest.raises(ConfigError, match="a row alone has no prediction"):
            agent.predict(x)
        return
    many = agent.predict(x)
    assert many.shape == (2500,)
    assert set(many.tolist()) <= {0, 1}
    for row in (0, 1023, 1024, 2499):
        assert agent.predict(x[row : row + 1]) == many[row : row + 1]
    assert agent.predict(x[:0]).shape == (0,)
    for wrong in (x[:, :3], x.astype(np.float64), x.tolist()):
        with pytest.raises(DataError, match="observations of shape"):
            agent.predict(wrong)


FRESH = """
import sys
import numpy as np
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.registry.load import load_model
registry, x = ModelRegistry(ArtifactStore(sys.argv[1])), np.load(sys.argv[2])
np.savez(sys.argv[3], **{n: load_model(registry, n).model.predict(x) for n in sys.argv[4:]})
"""


def test_registered_they_act_the_same_in_a_fresh_process(kinds: list[Kind], tmp_path: Path) -> None:
    registry = ModelRegistry(ArtifactStore(tmp_path))
    pipeline = no_data().pipeline.state_dict()
    x = np.random.default_rng(3).normal(size=(300, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    expected = {}
    for kind in kinds:
        agent, name = kind.build(), kind.config.type
        kind.train(agent, 3)
        card = {
            "run_id": name,
            "metrics": {},
            "config": {"model": kind.config.model_dump(mode="json", by_alias=True)},
            "spec": kind.spec.to_json(),
        }
        registry.save_model(name, agent.state_dict()["weights"], pipeline, card)
        if name != "recurrent_ppo":  # which has no predictions for rows
            expected[name] = agent.predict(x)
    paths = [str(tmp_path), str(tmp_path / "x.npy"), str(tmp_path / "found.npz")]
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", FRESH, *paths, *expected]
    subprocess.run(command, check=True, cwd=root, timeout=120)
    found = np.load(tmp_path / "found.npz")
    for name, actions in expected.items():
        assert np.array_equal(found[name], actions), name


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (TrainingConfig(optimizer=AdamConfig(learning_rate=0.1)), "model.learning_rate"),
        (TrainingConfig(batch_size=32), "model.batch_size"),
        (TrainingConfig(shuffle=False), "one order"),
        (TrainingConfig(clip_norm=1.0), "model.max_grad_norm"),
    ],
)
def test_what_an_agent_ignores_is_refused(kind: Kind, training: TrainingConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ModelFactory(worlds=kind.worlds).get_model(kind.config, kind.spec, training)


def test_without_environments_and_spaces_it_cannot_be_made(kind: Kind) -> None:
    with pytest.raises(ConfigError, match="needs environments"):
        ModelFactory().get_model(kind.config, replace(kind.spec, spaces=None))


def _arrays(tree: Any) -> list[Any]:  # noqa: ANN401 - a state's tree
    if isinstance(tree, dict):
        return [array for item in tree.values() for array in _arrays(item)]
    if isinstance(tree, list):
        return [array for item in tree for array in _arrays(item)]
    return [tree] if isinstance(tree, np.ndarray) else []


def seeded() -> None:
    import torch

    random.seed(1)
    np.random.seed(2)  # noqa: NPY002 - everybody's generator is what this is about
    torch.manual_seed(3)


def draw() -> list[float]:
    """One number from each of everybody's generators."""
    import torch

    normal = np.random.standard_normal()  # noqa: NPY002 - as above
    return [random.random(), normal, float(torch.rand(1))]  # noqa: S311 - no secret
