"""Configuration: what a user writes in YAML, checked once and frozen."""

from training.config.callbacks import (
    CallbackConfig,
    CheckpointsConfig,
    CustomCallbackConfig,
    EarlyStoppingConfig,
    LoggingCallbackConfig,
)
from training.config.data import DataConfig
from training.config.estimators import SklearnConfig, SklearnPart
from training.config.evaluation import BacktestConfig, EvaluationConfig
from training.config.model import (
    CustomModelConfig,
    LinearConfig,
    LogisticConfig,
    MlpConfig,
    ModelConfig,
)
from training.config.networks import LossConfig, TorchConfig
from training.config.promotion import PromotionConfig
from training.config.retraining import RetrainingConfig
from training.config.root import ExecutionConfig, RunConfig
from training.config.rules import (
    KeepAll,
    KeepAnyOf,
    KeepBest,
    KeepCustomSteps,
    KeepEvery,
    KeepEveryNSeconds,
    KeepEveryNSteps,
    KeepLatest,
    KeepRule,
    SaveAnyOf,
    SaveCustomSteps,
    SaveEveryNEpochs,
    SaveEveryNSeconds,
    SaveEveryNSteps,
    SaveRule,
)
from training.config.training import AdamConfig, SgdConfig, TrainingConfig

__all__ = [
    "AdamConfig",
    "BacktestConfig",
    "CallbackConfig",
    "CheckpointsConfig",
    "CustomCallbackConfig",
    "CustomModelConfig",
    "DataConfig",
    "EarlyStoppingConfig",
    "EvaluationConfig",
    "ExecutionConfig",
    "KeepAll",
    "KeepAnyOf",
    "KeepBest",
    "KeepCustomSteps",
    "KeepEvery",
    "KeepEveryNSeconds",
    "KeepEveryNSteps",
    "KeepLatest",
    "KeepRule",
    "LinearConfig",
    "LoggingCallbackConfig",
    "LogisticConfig",
    "LossConfig",
    "MlpConfig",
    "ModelConfig",
    "PromotionConfig",
    "RetrainingConfig",
    "RunConfig",
    "SaveAnyOf",
    "SaveCustomSteps",
    "SaveEveryNEpochs",
    "SaveEveryNSeconds",
    "SaveEveryNSteps",
    "SaveRule",
    "SgdConfig",
    "SklearnConfig",
    "SklearnPart",
    "TorchConfig",
    "TrainingConfig",
]
