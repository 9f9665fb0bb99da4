"""What is stored of a feature pipeline, checked before anything is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from training.config.features import Feature
from training.data.scaling import ScalerName
from training.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.types import Array

Precision = Literal["float32", "float64"]


def _vector(value: object) -> Array:
    found: Array = np.array(value, dtype="float64")  # a ValueError is a finding of pydantic
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError(f"expected a row of finite numbers, not {np.array(value)!r:.60}")
    return found


def _divisors(found: Array) -> Array:
    if not (found > 0).all():
        raise ValueError("a divisor is not above 0")
    return found


Vector = Annotated[Any, BeforeValidator(_vector)]


class PipelineState(BaseModel):
    """Features of a closed set of kinds, and what `fit` found out."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    features: tuple[Feature, ...]
    scaler: ScalerName
    dtype: Precision
    names: tuple[str, ...]
    center: Vector
    scale: Annotated[Vector, AfterValidator(_divisors)]
    look_back: Annotated[int, Field(strict=True, ge=1)] = 1
    flat: bool = True
    symbol: str | None = None

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Self:
        """Check a state that comes from a file.

        Raises:
            IntegrityError: it is not what a pipeline stores.
        """
        try:
            return cls.model_validate(dict(state))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise IntegrityError(
                f"the stored feature pipeline is damaged: {where} = {first['input']!r:.60}: "
                f"{first['msg']}"
            ) from None
