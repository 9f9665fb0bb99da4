"""Sealed documents: JSON with its own digest, so that no byte of it changes unseen.

A document is `{"body":BODY,"sha256":"HEX"}` to the byte, where HEX is the SHA-256 of the text
BODY. What was written is checked, not what it parses to, so that a later version of the JSON
library, which may write a number in another way, still reads it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from training.artifacts.values import canonical, pack, unpack
from training.errors import IntegrityError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DOCUMENT = 64 * 2**20
"""Bytes; nothing larger is written, and nothing larger is parsed."""

_HEAD = b'{"body":'
_TAIL = b',"sha256":"%s"}'
_TAIL_LENGTH = len(_TAIL % (b"0" * 64))


def seal(body: Mapping[str, Any]) -> bytes:
    """A document: NaN, infinities and integers of any size come back as they are.

    Raises:
        StorageError: something in the body is not plain, or it is too large.
    """
    text = canonical(pack(body))
    if len(text) > MAX_DOCUMENT - len(_HEAD) - _TAIL_LENGTH:
        raise StorageError(
            f"a document of {len(text)} bytes; at most {MAX_DOCUMENT} can be stored: "
            "put arrays into a file of a commit"
        )
    return _HEAD + text + _TAIL % sha256(text).hexdigest().encode()


def unseal(data: bytes, where: str) -> dict[str, Any]:
    """The body of a document.

    Args:
        data: what `seal` made.
        where: what an error names.

    Raises:
        IntegrityError: a byte is not as it was written.
    """
    text = data[len(_HEAD) : -_TAIL_LENGTH]
    if data != _HEAD + text + _TAIL % sha256(text).hexdigest().encode():
        raise IntegrityError(
            f"{where} is damaged: its {len(data)} bytes are not what its seal says; "
            "bring it back from a backup of the storage, or remove it"
        )
    try:
        body = unpack(orjson.loads(text))
    except (orjson.JSONDecodeError, IntegrityError) as error:
        raise IntegrityError(f"{where} is no document of ours: {error}") from None
    if not isinstance(body, dict):
        raise IntegrityError(f"{where} is no document of ours: its body is no object")
    return body


def seal_at(path: str, body: Mapping[str, Any], by: str | None = None) -> bytes:
    """A document that is bound to its place in the store.

    Args:
        path: that place.
        body: plain values.
        by: tells two writers of an equal body apart, where that matters.
    """
    return seal({"path": path, "body": body} | ({} if by is None else {"by": by}))


def unseal_at(path: str, data: bytes) -> dict[str, Any]:
    """The body of a document that was found at a path.

    Raises:
        IntegrityError: a byte is not as it was written, or it was written elsewhere.
    """
    document = unseal(data, path)
    body = document.get("body")
    if document.get("path") != path or not isinstance(body, dict):
        raise IntegrityError(f"{path} is the document of {document.get('path')!r}, moved here")
    return body
