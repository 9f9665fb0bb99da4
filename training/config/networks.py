"""The model section of PyTorch: networks, and how they are run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Tag, model_validator

from training.config.base import NOT_IDENTITY, Positive, Section, Share
from training.config.choice import CUSTOM, by_type

Activation = Literal["relu", "gelu", "silu", "tanh"]


class MlpNetwork(Section):
    """A multilayer perceptron; of a window it sees all rows at once."""

    type: Literal["mlp"] = "mlp"
    hidden: tuple[Positive, ...] = (64, 64)
    """Units of each hidden layer."""
    activation: Activation = "relu"
    """Between the layers."""
    dropout: Share = 0.0
    """Share of hidden units that a step leaves out."""


class LstmNetwork(Section):
    """Long short-term memory over a window (Hochreiter and Schmidhuber 1997)."""

    type: Literal["lstm"] = "lstm"
    hidden: Positive = 64
    """Units of each layer."""
    layers: Positive = 1
    dropout: Share = 0.0
    """Between layers and before the output."""


class GruNetwork(Section):
    """Gated recurrent units over a window (Cho and others 2014)."""

    type: Literal["gru"] = "gru"
    hidden: Positive = 64
    """Units of each layer."""
    layers: Positive = 1
    dropout: Share = 0.0
    """Between layers and before the output."""


class TcnNetwork(Section):
    """Causal dilated convolutions with residuals over a window (Bai, Kolter and Koltun 2018)."""

    type: Literal["tcn"] = "tcn"
    channels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (32, 32, 32)
    """Of each block; block i looks 2**i rows apart."""
    kernel: Annotated[int, Field(strict=True, ge=2)] = 3
    """Rows that a convolution sees."""
    dropout: Share = 0.1


class TransformerNetwork(Section):
    """A small transformer encoder over a window (Vaswani and others 2017, normalized first)."""

    type: Literal["transformer"] = "transformer"
    width: Positive = 32
    """Of each row's representation; a multiple of `heads`."""
    heads: Positive = 4
    layers: Positive = 2
    feedforward: Positive = 64
    """Hidden units behind each attention."""
    dropout: Share = 0.1

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> TransformerNetwork:
        if self.width % self.heads:
            message = f"width {self.width} is not a multiple of heads {self.heads}"
            raise ValueError(message)
        return self


class CustomNetwork(Section):
    """A torch.nn.Module of one's own; every other key is an argument of its constructor.

    A constructor that takes `spec` is given the `ModelSpec`. `forward(x)` takes (rows, features),
    or (rows, window, features), and gives (rows,) or (rows, outputs): log-odds for classes.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`."""


Network = Annotated[
    Annotated[MlpNetwork, Tag("mlp")]
    | Annotated[LstmNetwork, Tag("lstm")]
    | Annotated[GruNetwork, Tag("gru")]
    | Annotated[TcnNetwork, Tag("tcn")]
    | Annotated[TransformerNetwork, Tag("transformer")]
    | Annotated[CustomNetwork, Tag(CUSTOM)],
    by_type("network", ("mlp", "lstm", "gru", "tcn", "transformer"), custom=True, default="mlp"),
]


class LossConfig(Section):
    """A loss of torch.nn or one's own; every other key is an argument of its constructor."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`, such as `torch.nn:HuberLoss`."""


class TorchConfig(Section):
    """A network in PyTorch."""

    type: Literal["torch"] = "torch"
    network: Network = MlpNetwork()
    window: Positive | None = None
    """Rows that the network sees at once: a row and those before it. Null: the row alone."""
    loss: LossConfig | None = None
    """Default: squared error, or cross-entropy, by the task of the target."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """`auto`: CUDA where there is one, else MPS, else the CPU."""
    precision: Literal["full", "bf16", "fp16"] = "full"
    """Of a training step: that of the data, or mixed; fp16 scales the loss."""
    accumulate: Positive = 1
    """Batches whose gradients make one step; an epoch's last step may have fewer."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Predict with a moving average of the weights that forgets at this rate."""
    compile: bool = False
    """Run training steps through torch.compile; the first one takes long."""
    deterministic: bool = True
    """Only algorithms that give the same bits again; an operation without one is an error."""
    resident: bool = Field(default=True, json_schema_extra=NOT_IDENTITY)
    """Keep rows that fit on the GPU there; else each batch is copied while the one before is
    trained on."""

    @model_validator(mode="after")
    def _a_sequence_needs_a_window(self) -> TorchConfig:
        if self.window is None and self.network.type in {"lstm", "gru", "tcn", "transformer"}:
            message = f"a {self.network.type} needs 'window', the number of rows that it sees"
            raise ValueError(message)
        return self
