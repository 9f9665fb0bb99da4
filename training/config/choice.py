"""One of several kinds of section, chosen by its key `type`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import Discriminator, Tag

if TYPE_CHECKING:
    from collections.abc import Iterable

CUSTOM = "module:Class"
UNKNOWN_KIND = "unknown_kind"


def by_type(
    what: str, kinds: Iterable[str], *, custom: bool = False, default: str | None = None
) -> Discriminator:
    """The rule that picks the kind of a section.

    A callable is used, not `Field(discriminator="type")`, since `module:Class` is open-ended.

    Args:
        what: the word for an error message, such as `"model"`.
        kinds: the values of `type` that are known.
        custom: whether `module:Class` is allowed too.
        default: the kind of a section that does not say its `type`.
    """
    known = (*kinds, CUSTOM) if custom else tuple(kinds)

    def pick(value: Any) -> str | None:  # noqa: ANN401 - pydantic hands over anything
        kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
        if custom and isinstance(kind, str) and ":" in kind:
            return CUSTOM
        return kind if isinstance(kind, str) else default

    return Discriminator(
        pick,
        custom_error_type=UNKNOWN_KIND,
        custom_error_message=f"a {what} needs a 'type' that is one of {', '.join(known)}",
        custom_error_context={"known": ", ".join(known)},
    )


def kinds(union: Any) -> tuple[str, ...]:  # noqa: ANN401 - a union is no class
    """The values of `type` that a union of sections knows, in its order; not `module:Class`.

    Args:
        union: whose members carry a `Tag`, such as `training.config.ModelConfig`.
    """
    members = get_args(get_args(union)[0])
    tags = (meta.tag for member in members for meta in get_args(member)[1:] if type(meta) is Tag)
    return tuple(tag for tag in tags if tag != CUSTOM)
