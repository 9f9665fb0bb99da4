"""Credentials come from the environment, and go nowhere: not into a URL, a document, a message."""

from __future__ import annotations

import os
import re

from training.errors import InputError

_SECRET = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|CONNECTION_STRING|_KEY$|_KEY_ID$|_SAS$", re.IGNORECASE
)
"""Names of environment variables whose values nobody may read."""
_SHORTEST = 6
"""A shorter value is no secret: taking `1` or `true` out of a message would only spoil it."""
_USER = re.compile(r"(?<=://)[^/@\s'\"]+@")
_WITH_CONTAINER = {"abfs", "abfss"}
"""Their URLs have the container where others have a user: `abfss://container@account…`."""


def refuse_credentials(url: str) -> None:
    """A storage's URL is shown and stored; a user, a password or a key must not be in it.

    Raises:
        InputError: there is one; it is not repeated.
    """
    protocol, _, rest = url.partition("://")
    place, question, _ = rest.partition("?")
    user, at, _ = place.partition("/")[0].rpartition("@")
    if question or ":" in user or (at and protocol not in _WITH_CONTAINER):
        raise InputError(
            f"the storage {without_secrets(protocol + '://' + place)} has a user, a password or "
            "options in its URL, which is stored and shown; expected PROTOCOL://BUCKET/FOLDER: "
            "give credentials in the environment (for S3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
            "AWS_ENDPOINT_URL, or a profile)"
        )


def without_secrets(text: str) -> str:
    """The text with `***` for every value of a secret variable, and for users in URLs."""
    text = _USER.sub("***@", text)
    values = {value for name, value in os.environ.items() if _SECRET.search(name)}
    for value in sorted(values, key=len, reverse=True):
        if len(value.strip()) >= _SHORTEST:
            text = text.replace(value, "***").replace(value.strip(), "***")
    return text
