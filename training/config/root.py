"""The whole configuration of one training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from training.config.base import NOT_IDENTITY, Count, NotNegative, Positive, PositiveFloat, Section
from training.config.callbacks import CallbackConfig, CheckpointsConfig, LoggingCallbackConfig
from training.config.data import DataConfig
from training.config.evaluation import EvaluationConfig
from training.config.model import MlpConfig, ModelConfig
from training.config.promotion import PromotionConfig
from training.config.retraining import RetrainingConfig
from training.config.training import TrainingConfig

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class ExecutionConfig(Section):
    """How the work is carried out; nothing here can change the result."""

    retries: Count = Field(default=2, json_schema_extra=NOT_IDENTITY)
    """How often a failed task is tried again; wrong input never is."""
    retry_delay_seconds: NotNegative = Field(default=2.0, json_schema_extra=NOT_IDENTITY)
    """Wait before a task is tried again."""
    epoch_timeout_seconds: PositiveFloat | None = Field(
        default=None, json_schema_extra=NOT_IDENTITY
    )
    """An epoch that takes longer fails, and is tried again."""
    task_timeout_seconds: PositiveFloat | None = Field(default=None, json_schema_extra=NOT_IDENTITY)
    """Any other task that takes longer fails, and is tried again."""
    epochs_per_task: Positive = Field(default=1, json_schema_extra=NOT_IDENTITY)
    """Very short epochs can share one task."""
    grace_seconds: PositiveFloat = Field(default=20.0, json_schema_extra=NOT_IDENTITY)
    """After SIGTERM or Ctrl-C: how long the batch and its checkpoint may take."""
    on_busy: Literal["leave", "wait"] = Field(default="leave", json_schema_extra=NOT_IDENTITY)
    """Another process trains the same run: leave with a message, or wait for it."""
    max_attempts: Positive = Field(default=20, json_schema_extra=NOT_IDENTITY)
    """A deployed run whose process was killed so often is not started again by itself; a person
    can (`retrain resume`)."""
    patience_seconds: PositiveFloat = Field(default=70.0, json_schema_extra=NOT_IDENTITY)
    """How long the command waits for a Prefect server that fell silent, when the training is done;
    Prefect's own client tries each call again for a minute."""
    lease_seconds: PositiveFloat = Field(default=60.0, json_schema_extra=NOT_IDENTITY)
    """A process on another machine that has not shown for so long that it is alive counts as dead;
    it shows it four times as often. Processes of this machine are known to be dead at once."""


class RunConfig(Section):
    """The whole configuration of one training."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = "model"
    """The model's name in the registry: letters, digits, dots, dashes, underscores."""
    data: DataConfig = DataConfig()
    """Where rows come from, and how they become features, targets and parts."""
    model: ModelConfig = MlpConfig()
    """What is trained."""
    training: TrainingConfig = TrainingConfig()
    """How long, in what steps, and by which rule."""
    callbacks: tuple[CallbackConfig, ...] = ()
    """Who listens and may end the run, besides logging and checkpointing."""
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    """When a checkpoint is saved and which are kept."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """What is measured after training."""
    retraining: RetrainingConfig = RetrainingConfig()
    """What `retrain update` does besides training."""
    promotion: PromotionConfig = PromotionConfig()
    """When a new version may take the champion's place."""
    execution: ExecutionConfig = ExecutionConfig()
    """How the work is carried out."""

    @model_validator(mode="before")
    @classmethod
    def _no_table_where_none_is_needed(cls, whole: Any) -> Any:  # noqa: ANN401 - pydantic hands over anything
        """An agent in an environment of its own has no use for the default source."""
        if not isinstance(whole, dict) or not _acts_by_itself(whole.get("model")):
            return whole
        data = whole.get("data", {})
        if not isinstance(data, dict) or "source" in data:
            return whole
        return whole | {"data": data | {"source": {"type": "none"}}}

    def identity(self) -> dict[str, Any]:
        """What decides whether two runs are the same training, apart from data and slot.

        The source of the data is left out: the fingerprint of its content stands for it.
        """
        whole = super().identity()
        whole["data"].pop("source")
        whole["callbacks"] = [
            callback.identity()
            for callback in self.callbacks
            if not isinstance(callback, LoggingCallbackConfig)
        ]
        for section in ("checkpoints", "execution", "retraining", "promotion"):
            whole.pop(section)
        return whole

    def custom_modules(self) -> list[str]:
        """The modules that `module:Class` names: whoever takes this from a file must trust them."""
        environment = getattr(self.model, "environment", None)
        types = [self.model.type, *(callback.type for callback in self.callbacks)]
        types += [environment.type] if environment is not None else []
        return sorted({name.partition(":")[0] for name in types if ":" in name})


def _acts_by_itself(model: object) -> bool:
    """Whether it is an agent whose environment is no market."""
    kind = _said(model, "type")
    environment = _said(_said(model, "environment"), "type")
    return kind in {"dqn", "ppo", "a2c", "qrdqn", "recurrent_ppo"} and environment not in {
        None,
        "trading",
    }


def _said(section: object, key: str) -> Any:  # noqa: ANN401 - whatever the user wrote
    return section.get(key) if isinstance(section, dict) else getattr(section, key, None)
