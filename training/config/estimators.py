"""The model section of scikit-learn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from training.config.base import Positive, Section


class SklearnPart(Section):
    """An estimator or a transformer; every other key is an argument of its constructor.

    A plain name stands for one without arguments.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^([A-Za-z_][\w.]*:)?[A-Za-z_]\w*$")]
    """The class's name in scikit-learn, or `module:Class`."""

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_enough(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic hands over anything
        return {"type": data} if isinstance(data, str) else data


class SklearnConfig(Section):
    """An estimator of scikit-learn, behind transformers where some are named."""

    type: Literal["sklearn"] = "sklearn"
    estimator: SklearnPart
    """The classifier or regressor."""
    steps: tuple[SklearnPart, ...] = ()
    """Transformers that the inputs go through before it, in this order."""
    learn: Literal["auto", "partial_fit", "grow", "fit"] = "auto"
    """`partial_fit`: a step on each batch. `grow`: each epoch adds `grow_by` trees or iterations
    to what is there (warm_start). `fit`: one epoch is one fit. `auto`: the first that it can."""
    grow_by: Positive = 10
    """Trees or iterations that an epoch adds, for `grow`."""
