"""Descriptions of a section's keys: the string below each, read from the source when it is asked.

Pydantic's own `use_attribute_docstrings` reads them whenever a class is made, which costs each
command a tenth of a second; only a schema or a form in a UI shows them.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache


@cache
def descriptions(section: type) -> dict[str, str]:
    """By key, of this class and of those that it inherits from."""
    found: dict[str, str] = {}
    for kind in reversed(section.__mro__):
        found |= _of_module(kind.__module__).get(kind.__qualname__, {})
    return found


@cache
def _of_module(name: str) -> dict[str, dict[str, str]]:
    """By class; none where there is no source to read."""
    module = sys.modules.get(name)
    try:
        tree = ast.parse(inspect.getsource(module)) if module else ast.Module([], [])
    except (OSError, TypeError):
        return {}
    return {node.name: _of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, text in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(key, ast.AnnAssign)
            and isinstance(key.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[key.target.id] = inspect.cleandoc(text.value.value)
    return found
