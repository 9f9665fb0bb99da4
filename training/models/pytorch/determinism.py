"""Which algorithms torch may take: the choice of one model, although torch has one a process."""

from __future__ import annotations

import os

import torch

from training.errors import ConfigError

_HAS_NONE = "does not have a deterministic implementation"
_OF_TORCH = torch._C  # noqa: SLF001 - `use_deterministic_algorithms` itself takes ten times as long


class Algorithms:
    """Within it torch takes only algorithms that give the same bits again, or raises; or any.

    Whoever calculates outside is not touched, and what is set there does not matter. In and out
    takes about a microsecond. CUDA's matrix products need a setting that is read when its context
    is made: it is set if nobody has.
    """

    __slots__ = ("_deterministic", "_found")

    def __init__(self, *, deterministic: bool) -> None:
        """Say which."""
        self._deterministic = deterministic
        self._found = (False, False, False, False)
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def __enter__(self) -> None:
        self._found = found = _settings()
        # New memory is not filled: that takes time, and hides nothing here.
        _set(*((True, False, False, False) if self._deterministic else (False, *found[1:])))

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        _set(*self._found)
        if self._deterministic and isinstance(error, RuntimeError) and _HAS_NONE in str(error):
            operation = str(error).partition(_HAS_NONE)[0].strip()
            raise ConfigError(
                f"model.deterministic = true, and torch has no algorithm for {operation} that "
                "gives the same bits again; take another operation, or set model.deterministic: "
                "false, and a run that is resumed may end with other bits"
            ) from error


def _settings() -> tuple[bool, bool, bool, bool]:
    """As `_set` takes them."""
    return (
        _OF_TORCH._get_deterministic_algorithms(),  # noqa: SLF001 - as above
        _OF_TORCH._get_deterministic_algorithms_warn_only(),  # noqa: SLF001 - as above
        _OF_TORCH._get_deterministic_fill_uninitialized_memory(),  # noqa: SLF001 - as above
        _OF_TORCH._get_cudnn_benchmark(),  # noqa: SLF001 - as above
    )


def _set(deterministic: bool, warn_only: bool, fill: bool, try_fastest: bool) -> None:  # noqa: FBT001 - in the order of `_settings`
    _OF_TORCH._set_deterministic_algorithms(deterministic, warn_only=warn_only)  # noqa: SLF001 - as above
    _OF_TORCH._set_deterministic_fill_uninitialized_memory(fill)  # noqa: SLF001 - as above
    _OF_TORCH._set_cudnn_benchmark(try_fastest)  # noqa: SLF001 - as above
