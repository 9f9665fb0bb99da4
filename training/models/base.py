"""The protocol that everything trainable follows.

What a model may have besides, and is asked for by name:

`learns_whole_epochs`
    True: a batch is the whole training part, in its own order.
`learning_rate`
    The rate of the next step, for the history.
`judged_by`
    The metric that says which epoch was the best, as it is called in training; else `loss`.
`end_epoch(metrics)`
    Called once an epoch, after its last batch and its validation.
`compared(x)`
    Of an agent: what it earned in the episodes of these numbers, and what others would have.
`live_state()`
    What `state_dict` gives, without the copies: overlapped saving then copies into memory that it
    has used before, which takes half the time.
`undisturbed()`
    A context in which steps are taken with nobody else's code between them: what a step sets in
    the process and puts back may be set once there. Not entered where callbacks follow batches.
`rows_on_device(x, y)`
    Called with the training part: gives a function from a slice or indices to a `Batch` in
    whatever form its own `train_on_batch` likes best, or None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from training.types import Array, Batch, Metrics


@runtime_checkable
class Model(Protocol):
    """Anything that learns from batches and can say all that it remembers.

    A class of the user's own is built as `Class(spec=ModelSpec, **the keys of the YAML)`.
    """

    def train_on_batch(self, batch: Batch) -> Metrics:
        """Take one optimization step.

        Returns:
            Numbers by name, `loss` among them, as means over the batch's rows and as they were
            before the step.
        """
        ...

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """The same numbers without learning anything and without changing any state."""
        ...

    def predict(self, x: Array) -> Array:
        """Predictions, shape (rows,) or (rows, outputs).

        Probabilities for `binary` (of class 1) and `multiclass`, values for `regression`.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that is remembered.

        Returns:
            `{"weights": …, …}`: under `weights` what predictions depend on, under other keys what
            training needs besides (optimizer, step, random state). Arrays and plain values only.
        """
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; with `weights` alone, all else stays as it is."""
        ...
