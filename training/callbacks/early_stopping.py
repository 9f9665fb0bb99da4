"""Early stopping: the fields of Lightning's, baseline and start_from_epoch of Keras'."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from training.callbacks.base import CallbackBase
from training.callbacks.patience import Patience
from training.config import EarlyStoppingConfig
from training.errors import MetricError
from training.metrics import Monitor

if TYPE_CHECKING:
    from training.callbacks.records import EpochRecord, TrainRecord


class EarlyStoppingCallback(CallbackBase):
    """Ends the run when a metric no longer gets better, and brings the best weights back.

    An epoch in which the metric is not measured (`validate_every_n_epochs`) does not count.
    """

    order: ClassVar[int] = 100

    def __init__(self, monitor: str = "val_loss", **settings: Any) -> None:  # noqa: ANN401 - checked by the configuration's own class
        """Watch `monitor`; the settings are those of `EarlyStoppingConfig`.

        Raises:
            ValidationError: a setting is wrong.
            ConfigError: the monitor's name does not say whether lower is better.
        """
        self.config = EarlyStoppingConfig(monitor=monitor, **settings)
        self._start()

    def _start(self) -> None:
        config = self.config
        self._patience = Patience(
            monitor=Monitor(config.monitor, config.mode),
            patience=config.patience,
            min_delta=config.min_delta,
            baseline=config.baseline,
        )
        self._best_weights: Any = None

    @property
    def best_epoch(self) -> int | None:  # type: ignore[override] # a property where the base has a value
        """The epoch with the best value; None before any."""
        return self._patience.best_epoch or None

    def identity(self) -> dict[str, Any]:
        """Its settings: they decide when the run ends and with which weights."""
        return self.config.identity()

    def state_dict(self) -> dict[str, Any]:
        """Counters, and the best weights where they are to be restored."""
        patience = self._patience
        state = {
            "best": patience.best,
            "best_epoch": patience.best_epoch,
            "waited": patience.waited,
        }
        return state | ({"weights": self._best_weights} if self._best_weights else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the counters and weights of an earlier attempt."""
        patience = self._patience
        patience.best = state["best"]
        patience.best_epoch = state["best_epoch"]
        patience.waited = state["waited"]
        self._best_weights = deepcopy(state.get("weights"))

    def on_train_begin(self, record: TrainRecord) -> None:
        """Start clean; a resumed run gets its counters back after this.

        Raises:
            MetricError: it watches the validation part, and there is none.
        """
        self._start()
        if self.config.monitor.startswith("val_") and not record.validates:
            raise MetricError(
                f"early stopping watches {self.config.monitor!r}, but there is no validation part; "
                "set data.split.validation above 0, or watch a metric of the training part"
            )

    def on_epoch_end(self, record: EpochRecord) -> None:
        """Measure, remember the best, and end the run when it is time."""
        config = self.config
        if record.epoch <= config.start_from_epoch or self._not_measured_now(record):
            return
        value = self._patience.monitor.value(record.metrics)
        if self._patience.measure(value, record.epoch) and config.restore_best:
            self._best_weights = deepcopy(record.model.state_dict()["weights"])
        reason = self._reason(value)
        if reason:
            record.stop(reason)

    def on_train_end(self, record: TrainRecord) -> None:
        """Bring back the weights of the best epoch, whether or not patience ran out."""
        if self.config.restore_best and self._best_weights is not None:
            record.model.load_state_dict({"weights": self._best_weights})

    def _not_measured_now(self, record: EpochRecord) -> bool:
        """Validation was not due in this epoch (`validate_every_n_epochs`)."""
        watches_validation = self.config.monitor.startswith("val_")
        return watches_validation and not any(name.startswith("val_") for name in record.metrics)

    def _reason(self, value: float) -> str | None:
        config, patience = self.config, self._patience
        if config.stop_on_nan and not math.isfinite(value):
            return f"{config.monitor} is {value}"
        if patience.diverged(value, config.divergence_threshold):
            return (
                f"{config.monitor} {value:.6g} is worse than the threshold "
                f"{config.divergence_threshold:g}"
            )
        if patience.exhausted:
            best = "nothing" if patience.best is None else f"{patience.best:.6g}"
            return (
                f"{config.monitor} has not got better than {best} (epoch {patience.best_epoch}) "
                f"for {patience.waited} measurements"
            )
        return None
