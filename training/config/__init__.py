"""Configuration: what a user writes in YAML, checked once and frozen."""

from training.config.callbacks import (
    CallbackConfig,
    CheckpointsConfig,
    CustomCallbackConfig,
    EarlyStoppingConfig,
    KeepBest,
    KeepEvery,
    KeepLatest,
    KeepRule,
    LoggingCallbackConfig,
)
from training.config.data import DataConfig
from training.config.estimators import SklearnConfig, SklearnPart
from training.config.model import (
    CustomModelConfig,
    LinearConfig,
    LogisticConfig,
    MlpConfig,
    ModelConfig,
)
from training.config.networks import LossConfig, TorchConfig
from training.config.root import BacktestConfig, EvaluationConfig, ExecutionConfig, RunConfig
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
    "KeepBest",
    "KeepEvery",
    "KeepLatest",
    "KeepRule",
    "LinearConfig",
    "LoggingCallbackConfig",
    "LogisticConfig",
    "LossConfig",
    "MlpConfig",
    "ModelConfig",
    "RunConfig",
    "SgdConfig",
    "SklearnConfig",
    "SklearnPart",
    "TorchConfig",
    "TrainingConfig",
]
