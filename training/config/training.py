"""The section `training`: how a model is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from training.config.base import Count, NotNegative, Positive, PositiveFloat, Section, Share
from training.config.choice import by_type

Beta = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class SgdConfig(Section):
    """Stochastic gradient descent with momentum, after torch.optim.SGD."""

    type: Literal["sgd"] = "sgd"
    learning_rate: PositiveFloat = 0.01
    momentum: Share = 0.0
    weight_decay: NotNegative = 0.0
    """Added to the gradient (L2)."""


class AdamConfig(Section):
    """Adam (Kingma and Ba 2014), after torch.optim.Adam and, when decoupled, AdamW."""

    type: Literal["adam"] = "adam"
    learning_rate: PositiveFloat = 0.001
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    epsilon: PositiveFloat = 1e-8
    weight_decay: NotNegative = 0.0
    decoupled: bool = False
    """False: weight decay is added to the gradient (L2). True: AdamW."""


Optimizer = Annotated[
    Annotated[SgdConfig, Tag("sgd")] | Annotated[AdamConfig, Tag("adam")],
    by_type("optimizer", ("sgd", "adam"), default="adam"),
]


class ConstantSchedule(Section):
    """The learning rate stays as it is, after the warm-up."""

    type: Literal["constant"] = "constant"
    warmup_steps: Count = 0
    """Steps in which the rate grows linearly to its value."""


class StepSchedule(Section):
    """The learning rate is multiplied by `gamma` every `every_n_epochs` epochs."""

    type: Literal["step"] = "step"
    warmup_steps: Count = 0
    """Steps in which the rate grows linearly to its value."""
    every_n_epochs: Positive = 10
    gamma: PositiveFloat = 0.1


class ExponentialSchedule(Section):
    """The learning rate is multiplied by `gamma` after each epoch."""

    type: Literal["exponential"] = "exponential"
    warmup_steps: Count = 0
    """Steps in which the rate grows linearly to its value."""
    gamma: PositiveFloat = 0.95


class CosineSchedule(Section):
    """Half a cosine, down to `final_share` of the learning rate (Loshchilov and Hutter 2016)."""

    type: Literal["cosine"] = "cosine"
    warmup_steps: Count = 0
    """Steps in which the rate grows linearly to its value."""
    final_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0


Schedule = Annotated[
    Annotated[ConstantSchedule, Tag("constant")]
    | Annotated[StepSchedule, Tag("step")]
    | Annotated[ExponentialSchedule, Tag("exponential")]
    | Annotated[CosineSchedule, Tag("cosine")],
    by_type(
        "learning-rate schedule", ("constant", "step", "exponential", "cosine"), default="constant"
    ),
]


class TrainingConfig(Section):
    """How long, in what steps, and by which rule."""

    epochs: Count = 20
    """Passes over the training part; 0 registers the untrained model."""
    batch_size: Positive = 64
    """Rows a step."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 0
    """Initial weights, and the order of the rows, follow from it."""
    shuffle: bool = True
    """A new order each epoch, a function of (seed, epoch) alone."""
    drop_last: bool = False
    """Leave out the last batch of an epoch when it is not full."""
    optimizer: Optimizer = AdamConfig()
    schedule: Schedule = ConstantSchedule()
    """How the learning rate changes."""
    clip_norm: PositiveFloat | None = None
    """Scale the gradient down when its global L2 norm is above this."""
    validate_every_n_epochs: Positive = 1
    """Measure the validation part after every n-th epoch, and after the last."""
