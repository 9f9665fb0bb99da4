"""Credentials come from the environment, and go nowhere: not into a URL, a document, a message.

A configuration keeps `${DB_PASSWORD}` as it was written, so nothing that is made of it (an
identity, a record, a card, the parameters of a flow) has the value, or depends on it. The value is
looked up where it is used (`revealed`), and what is said there goes through `unspoken`.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from training.errors import ConfigError, InputError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pydantic import BaseModel

    Section = TypeVar("Section", bound=BaseModel)

VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::(?P<default>[^}]*))?\}")
"""`${NAME}` and `${NAME:default}`."""

_SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|BEARER|AUTHORIZATION|CONNECTION_STRING"
    r"|API_?KEY|(?:^|_)(?:KEY|KEY_ID|SAS|PASS|PWD(?<!^PWD)|DSN|AUTH|COOKIE)$",
    re.IGNORECASE,
)
"""Names of environment variables whose values nobody may read."""
_SECRET_VALUE = re.compile(
    r"://[^/@\s]*:[^/@\s]*@|[?&][\w.-]*(?:sig|signature|token|key|secret|password)=", re.IGNORECASE
)
"""URLs with a password, or signed, whatever the name of their variable."""
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


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable's name speaks of a secret, or its value is a URL with one."""
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


def has_password(text: str) -> bool:
    """Whether a text is a URL with a password in it, or a signed one."""
    return bool(_SECRET_VALUE.search(VARIABLE.sub("", text)))


def without_secrets(text: str) -> str:
    """The text with `***` for every value of a secret variable, and for users in URLs."""
    values = {value for name, value in os.environ.items() if is_secret(name, value)}
    for value in sorted(values, key=len, reverse=True):
        if len(value.strip()) >= _SHORTEST:
            text = text.replace(value, "***").replace(value.strip(), "***")
    return _USER.sub("***@", text)


def hidden(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Plain values with `without_secrets` done to each text in them."""
    if isinstance(value, dict):
        return {key: hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item) for item in value]
    return without_secrets(value) if isinstance(value, str) else value


def references(value: Any) -> set[str]:  # noqa: ANN401 - any JSON value
    """Names of the variables that plain values refer to."""
    if isinstance(value, dict):
        return set().union(*map(references, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(references, value))
    return (
        {match["name"] for match in VARIABLE.finditer(value)} if isinstance(value, str) else set()
    )


def refuse_untrusted(value: Any, trusted: Collection[str] | None) -> None:  # noqa: ANN401 - any JSON value
    """What is stored never chooses which secret is read, and so where it might be sent.

    Args:
        value: a stored configuration, or a part of one.
        trusted: names of variables that it may refer to; None when the user wrote it.

    Raises:
        ConfigError: it refers to another one.
    """
    if trusted is None:
        return
    for name in sorted(references(value) - set(trusted)):
        raise ConfigError(
            f"a stored configuration refers to the variable {name}, which is not trusted; if you "
            f"know it, allow it with --trust {name} or RETRAIN_TRUSTED_MODULES={name}"
        )


def revealed(section: Section, trusted: Collection[str] | None = None) -> Section:
    """A section of a configuration with the values that its `${NAME}` stand for: to use, not keep.

    Args:
        section: whose texts may refer to variables.
        trusted: see `refuse_untrusted`.

    Raises:
        ConfigError: the environment has no such variable, or it is not trusted.
    """
    values = dict(section)
    refuse_untrusted(values, trusted)
    return section.model_copy(update={name: _revealed(value) for name, value in values.items()})


def _revealed(value: Any) -> Any:  # noqa: ANN401 - walks any value of a configuration
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_revealed(item) for item in value)
    return VARIABLE.sub(_value, value) if isinstance(value, str) else value


def _value(match: re.Match[str]) -> str:
    found = os.environ.get(match["name"], match["default"])
    if found is None:
        raise ConfigError(
            f"the configuration refers to {match[0]}, and the environment has no such variable; "
            "set it where this runs: its value is never stored"
        )
    return found


@contextmanager
def unspoken() -> Iterator[None]:
    """An error that would say a secret is replaced by one that does not; others pass."""
    try:
        yield
    except Exception as error:
        if not _says_a_secret(error):
            raise
        told = without_secrets(str(error))
        if not isinstance(error, RetrainError):
            raise RetrainError(f"{type(error).__name__}: {told}") from None
        error.args = (told, *error.args[1:])
        error.__cause__ = None
        raise error from None


def _says_a_secret(error: BaseException | None) -> bool:
    while error is not None:
        if without_secrets(str(error)) != str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
