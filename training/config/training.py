"""The section `training`: how a model is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Tag

from training.config.base import Count, NotNegative, Positive, PositiveFloat, Section, Share
from training.config.choice import CUSTOM, by_type

Beta = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


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


class CustomOptimizerConfig(Section):
    """Any optimizer of PyTorch's kind, for models in PyTorch; every other key is an argument."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`, such as `torch.optim:RMSprop`."""
    learning_rate: PositiveFloat = 0.001


Optimizer = Annotated[
    Annotated[SgdConfig, Tag("sgd")]
    | Annotated[AdamConfig, Tag("adam")]
    | Annotated[CustomOptimizerConfig, Tag(CUSTOM)],
    by_type("optimizer", ("sgd", "adam"), custom=True, default="adam"),
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


class PlateauSchedule(Section):
    """Lower the rate when a metric no longer gets better, after torch's ReduceLROnPlateau.

    For models in PyTorch. An epoch in which the metric was not measured does not count.
    """

    type: Literal["plateau"] = "plateau"
    monitor: str = "val_loss"
    """The metric that is watched."""
    mode: Literal["auto", "min", "max"] = "auto"
    """`min`: lower is better; `max`: higher is; `auto`: by the metric's name."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The rate is multiplied by it."""
    patience: Count = 10
    """Epochs without getting better that are let pass."""
    threshold: NotNegative = 1e-4
    """A smaller share of the best value is not better."""
    cooldown: Count = 0
    """Epochs to wait after the rate was lowered."""
    min_learning_rate: NotNegative = 0.0


class CustomScheduleConfig(Section):
    """Any schedule of PyTorch's kind, for models in PyTorch; every other key is an argument."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`, such as `torch.optim.lr_scheduler:OneCycleLR`."""
    per: Literal["step", "epoch"] = "epoch"
    """Whether it moves after each step or after each epoch."""


Schedule = Annotated[
    Annotated[ConstantSchedule, Tag("constant")]
    | Annotated[StepSchedule, Tag("step")]
    | Annotated[ExponentialSchedule, Tag("exponential")]
    | Annotated[CosineSchedule, Tag("cosine")]
    | Annotated[PlateauSchedule, Tag("plateau")]
    | Annotated[CustomScheduleConfig, Tag(CUSTOM)],
    by_type(
        "learning-rate schedule",
        ("constant", "step", "exponential", "cosine", "plateau"),
        custom=True,
        default="constant",
    ),
]


class TrainingConfig(Section):
    """How long, in what steps, and by which rule."""

    epochs: Count = 20
    """Passes over the training part; 0 registers the untrained model."""
    batch_size: Positive = 64
    """Rows a step."""
    seed: Seed = 0
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
