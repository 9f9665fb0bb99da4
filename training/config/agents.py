"""The model sections of Stable-Baselines3 and sb3-contrib: agents that learn by acting.

What has a name there has it here, with the same default; so the hyperparameters of the RL Zoo can
be written down as they are, `lin_0.001` among them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config.base import NOT_IDENTITY, Count, NotNegative, Positive, PositiveFloat, Section
from training.config.environments import Environment
from training.config.trading import TradingConfig

Rate = PositiveFloat | Annotated[str, Field(pattern=r"^lin_\d+(\.\d+)?(e-?\d+)?$")]
"""A number, or `lin_0.001`: from there in a straight line to 0 at the planned end."""
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Layers = tuple[Positive, ...]
Activation = Literal["tanh", "relu", "elu", "leaky_relu", "gelu", "silu"]


class ActorCriticLayers(Section):
    """Hidden layers of the actor and of the critic."""

    pi: Layers = ()
    """Of the actor."""
    vf: Layers = ()
    """Of the critic."""


class ValuePolicy(Section):
    """The network of a DQN."""

    net_arch: Layers | None = None
    """Units of each hidden layer; null: the library's choice, 64 and 64."""
    activation_fn: Activation = "relu"
    """Between the layers."""


class QuantilePolicy(ValuePolicy):
    """The network of a QR-DQN."""

    n_quantiles: Positive = 200
    """Quantiles of the return of each action."""


class ActorCriticPolicy(Section):
    """The networks of an actor and its critic."""

    net_arch: Layers | ActorCriticLayers | None = None
    """Units of each hidden layer, or of `pi` and `vf` by themselves; null: the library's choice,
    64 and 64 each."""
    activation_fn: Activation = "tanh"
    """Between the layers."""
    ortho_init: bool = True
    """Begin with orthogonal weights."""
    log_std_init: float = 0.0
    """Of continuous actions: the logarithm of the standard deviation at the beginning."""


class RecurrentPolicy(ActorCriticPolicy):
    """The networks of an actor and its critic, behind an LSTM."""

    lstm_hidden_size: Positive = 256
    """Units of each layer of the LSTM."""
    n_lstm_layers: Positive = 1
    shared_lstm: bool = False
    """One LSTM for both; then without `enable_critic_lstm`."""
    enable_critic_lstm: bool = True
    """An LSTM for the critic too."""


class _Agent(Section):
    """What every agent can be asked for."""

    environment: Environment = TradingConfig()
    """Where it acts."""
    environments: Positive = 1
    """How many of them at once; a step is one step in one of them."""
    steps_per_epoch: Positive = 10_000
    """Steps that make an epoch, rounded up to whole batches: what is collected between two
    updates."""
    evaluation_episodes: Positive = 10
    """Episodes without exploration that a validation takes, each from a seed of its own; on a
    market it is one, through the whole part."""
    policy: Literal["auto", "MlpPolicy", "CnnPolicy", "MultiInputPolicy"] = "auto"
    """`auto`: by the observations: several by name, pictures, or numbers."""
    gamma: Fraction = 0.99
    """What a reward one step later is worth."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "cpu"
    """Small networks are fastest on the CPU; `auto`: CUDA where there is one, else MPS, else the
    CPU."""
    stats_window_size: Positive = Field(default=100, json_schema_extra=NOT_IDENTITY)
    """How many of the last episodes are remembered."""

    @property
    def steps_per_batch(self) -> int:
        """Steps between two updates, in all environments together."""
        each = int(getattr(self, "train_freq", 0) or getattr(self, "n_steps", 1))
        return each * self.environments

    @property
    def batches_per_epoch(self) -> int:
        """Enough for the steps of an epoch."""
        return -(-self.steps_per_epoch // self.steps_per_batch)


class DqnConfig(_Agent):
    """Deep Q-network (Mnih and others 2015)."""

    type: Literal["dqn"] = "dqn"
    learning_rate: Rate = 1e-4
    buffer_size: Positive = 1_000_000
    """Steps that the replay buffer holds."""
    learning_starts: Count = 100
    """Steps before the first update."""
    batch_size: Positive = 32
    """Steps out of the buffer that an update learns from."""
    tau: Fraction = 1.0
    """How much of the network goes into the target network when that is updated."""
    train_freq: Positive = 4
    """Steps, in each environment, between two times that it learns."""
    gradient_steps: Annotated[int, Field(strict=True, ge=-1)] = 1
    """Updates each time; -1: as many as steps were taken."""
    n_steps: Positive = 1
    """Rewards that a return is made of, before the network's own value."""
    target_update_interval: Positive = 10_000
    """Steps between two updates of the target network."""
    exploration_fraction: Fraction = 0.1
    """Share of the planned steps in which exploration falls to its final rate."""
    exploration_initial_eps: Fraction = 1.0
    """Share of random actions at the beginning."""
    exploration_final_eps: Fraction = 0.05
    """Share of random actions at the end."""
    max_grad_norm: PositiveFloat = 10
    """The gradient's global norm is held below it."""
    policy_kwargs: ValuePolicy = ValuePolicy()


class QrDqnConfig(DqnConfig):
    """DQN by quantile regression (Dabney and others 2017), of sb3-contrib."""

    type: Literal["qrdqn"] = "qrdqn"  # type: ignore[assignment] # another kind, the same keys
    learning_rate: Rate = 5e-5
    exploration_fraction: Fraction = 0.005
    exploration_final_eps: Fraction = 0.01
    max_grad_norm: PositiveFloat | None = None  # type: ignore[assignment] # the library's default
    """The gradient's global norm is held below it; null: it is left as it is."""
    policy_kwargs: QuantilePolicy = QuantilePolicy()


class _ActorCritic(_Agent):
    """What actors with a critic have in common."""

    ent_coef: NotNegative = 0.0
    """Weight of the entropy in the loss."""
    vf_coef: NotNegative = 0.5
    """Weight of the critic in the loss."""
    max_grad_norm: PositiveFloat = 0.5
    """The gradient's global norm is held below it."""
    use_sde: bool = False
    """Explore by noise that depends on the state (continuous actions only)."""
    sde_sample_freq: Annotated[int, Field(strict=True, ge=-1)] = -1
    """Draw that noise anew every n steps; -1: at the beginning of a rollout."""


class A2cConfig(_ActorCritic):
    """Advantage actor-critic (Mnih and others 2016), all environments in step."""

    type: Literal["a2c"] = "a2c"
    learning_rate: Rate = 7e-4
    n_steps: Positive = 5
    """Steps, in each environment, between two updates."""
    gae_lambda: Fraction = 1.0
    """Between bias (0) and variance (1) of the advantages."""
    rms_prop_eps: PositiveFloat = 1e-5
    use_rms_prop: bool = True
    """RMSprop; else Adam."""
    normalize_advantage: bool = False
    policy_kwargs: ActorCriticPolicy = ActorCriticPolicy()


class PpoConfig(_ActorCritic):
    """Proximal policy optimization (Schulman and others 2017)."""

    type: Literal["ppo"] = "ppo"
    learning_rate: Rate = 3e-4
    n_steps: Positive = 2048
    """Steps, in each environment, between two times that it learns."""
    batch_size: Positive = 64
    """Steps that an update learns from."""
    n_epochs: Positive = 10
    """How often each step is learned from."""
    gae_lambda: Fraction = 0.95
    """Between bias (0) and variance (1) of the advantages."""
    clip_range: Rate = 0.2
    """How far the policy may move from the one that acted."""
    clip_range_vf: Rate | None = None
    """The same for the critic; null: any."""
    normalize_advantage: bool = True
    target_kl: PositiveFloat | None = None
    """Stop learning from a rollout where the policy has moved by so much; null: never."""
    policy_kwargs: ActorCriticPolicy = ActorCriticPolicy()


class RecurrentPpoConfig(PpoConfig):
    """PPO with a memory of its own (an LSTM), of sb3-contrib."""

    type: Literal["recurrent_ppo"] = "recurrent_ppo"  # type: ignore[assignment] # as above
    n_steps: Positive = 128
    batch_size: Positive = 128
    policy_kwargs: RecurrentPolicy = RecurrentPolicy()

    @model_validator(mode="after")
    def _one_lstm_or_two(self) -> RecurrentPpoConfig:
        policy = self.policy_kwargs
        if policy.shared_lstm and policy.enable_critic_lstm:
            raise ValueError("policy_kwargs: shared_lstm goes with enable_critic_lstm: false")
        return self


AgentConfig = DqnConfig | QrDqnConfig | A2cConfig | PpoConfig | RecurrentPpoConfig
AGENTS = (DqnConfig, QrDqnConfig, A2cConfig, PpoConfig, RecurrentPpoConfig)
