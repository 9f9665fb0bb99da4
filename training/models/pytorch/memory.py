"""All that a model in PyTorch remembers, out and in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.errors import ConfigError
from training.models.checks import check_state
from training.models.pytorch.tensors import from_tree, to_tree

if TYPE_CHECKING:
    import torch
    from torch.optim.swa_utils import AveragedModel

    from training.models.pytorch.randomness import Randomness
    from training.models.pytorch.steps import Stepper


class Memory:
    """Weights under `weights`; optimizer, schedule, random state and so on under `training`."""

    def __init__(
        self,
        network: torch.nn.Module,
        averaged: AveragedModel | None,
        stepper: Stepper,
        randomness: Randomness,
    ) -> None:
        """Look at these parts."""
        self._network, self._averaged = network, averaged
        self._stepper, self._randomness = stepper, randomness

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything.

        Raises:
            ConfigError: something in it cannot be stored.
        """
        training = self._stepper.state_dict() | {"random": self._randomness.state_dict()}
        averaged = self._averaged
        if averaged is None:
            return {"weights": _weights(self._network), "training": training}
        training["network"] = _weights(self._network)
        training["averaged"] = int(averaged.n_averaged)
        return {"weights": _weights(averaged.module), "training": training}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state, all of it or none.

        Raises:
            ConfigError: it belongs to another model.
        """
        unknown = set(state) - {"weights", "training"}
        if unknown or "weights" not in state:
            raise ConfigError(
                f"this state has the parts {sorted(state)}; expected 'weights' and, to go on "
                "training, 'training'"
            )
        averaged = self._averaged
        predicts = self._network if averaged is None else averaged.module
        check_state("weights", state["weights"], _weights(predicts))
        if "training" in state:
            self._load_training(state["training"])
        predicts.load_state_dict(from_tree(state["weights"]))

    def _load_training(self, training: dict[str, Any]) -> None:
        averaged = self._averaged
        if ("network" in training) != (averaged is not None) or not self._stepper.fits(training):
            raise ConfigError(
                "this state is that of another optimizer, precision or average of weights; load "
                "it into a model of the same configuration"
            )
        if averaged is not None:
            check_state("network", training["network"], _weights(self._network))
            self._network.load_state_dict(from_tree(training["network"]))
            averaged.n_averaged.fill_(training["averaged"])
        self._stepper.load_state_dict(training)
        self._randomness.load_state_dict(training["random"])


def _weights(network: torch.nn.Module) -> dict[str, Any]:
    return to_tree(network.state_dict(), "weights")  # type: ignore[no-any-return] # a dict stays one
