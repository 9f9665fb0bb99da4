"""What every section of a configuration has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from training.config.docs import descriptions
from training.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

Count = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[int, Field(strict=True, ge=1)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

UNKNOWN_KEY = "unknown_key"
NOT_IDENTITY: dict[str, Any] = {"identity": False}
"""`json_schema_extra` of a field that cannot change the result of a training."""

IF_SET: dict[str, Any] = {"identity": "if set"}
"""`json_schema_extra` of a field that is new: its default is what was done before there was it."""


class Section(BaseModel):
    """A part of a configuration: frozen, and an unknown key is an error with a suggestion.

    What checks it is built when it is first used, with all that it contains.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic hands over anything
        if isinstance(data, dict) and cls.model_config.get("extra") == "forbid":
            for key in data:
                if key not in cls._names():
                    hint = did_you_mean(str(key), cls._names())
                    context = {"key": str(key), "hint": hint}
                    raise PydanticCustomError(UNKNOWN_KEY, "unknown key '{key}'; {hint}", context)
        return data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """With the string below each key as its description."""
        schema = handler(core_schema)
        keys = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in descriptions(cls).items():
            field = cls.model_fields.get(name)
            if field is not None:
                keys[field.alias or name].setdefault("description", text)
        return schema

    @classmethod
    def _names(cls) -> set[str]:
        aliases = {field.alias for field in cls.model_fields.values() if field.alias}
        return set(cls.model_fields) | aliases

    def identity(self) -> dict[str, Any]:
        """The keys and values that can change the result of a training, as plain JSON."""
        return cast("dict[str, Any]", _identity(self))


def _identity(value: Any) -> Any:  # noqa: ANN401 - walks any value of a configuration
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        kept = {
            name: _identity(getattr(value, name))
            for name, field in fields.items()
            if field.json_schema_extra != NOT_IDENTITY
            and not (field.json_schema_extra == IF_SET and getattr(value, name) == field.default)
        }
        extra = value.model_extra or {}
        return kept | {name: _identity(item) for name, item in extra.items()}
    if isinstance(value, list | tuple):
        return [_identity(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _identity(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
