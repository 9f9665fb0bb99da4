"""The way to a database: its URL put together, with a name that can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from training.credentials import hide, secret
from training.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import URL


class Place(Protocol):
    """A section of a configuration that says where a database is."""

    @property
    def url(self) -> str | None:
        """Without a password."""
        ...

    @property
    def url_variable(self) -> str | None:
        """What has the whole URL."""
        ...

    @property
    def password_variable(self) -> str | None:
        """What has the password."""
        ...


def database_url(place: Place, key: str) -> URL:
    """The whole URL, password and all: to use, not to show.

    Args:
        place: the section; `${NAME}` in it is filled in.
        key: where it stands in the configuration, for messages.

    Raises:
        DataError: it is no URL, or a variable is not set.
    """
    import sqlalchemy as sa

    given = place.url or secret(str(place.url_variable), f"{key}.url_variable")
    try:
        url = sa.make_url(given)
    except (sa.exc.ArgumentError, ValueError):
        example = "dialect+driver://host/database"
        raise DataError(f"{key}.url is no URL of a database; expected {example}") from None
    if place.password_variable:
        url = url.set(password=secret(place.password_variable, f"{key}.password_variable"))
    return url


def shown(url: URL) -> str:
    """Where it is, without who asks."""
    port = f":{url.port}" if url.port else ""
    return f"{url.drivername}://{url.host or ''}{port}/{url.database or ''}"


def is_unreachable(error: Exception, url: URL) -> bool:
    """Whether a later attempt may succeed; SQLite says the same of a table that is not there."""
    import sqlalchemy as sa

    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return False
    return url.get_backend_name() != "sqlite" or "locked" in str(error)


def reason_of(error: Exception, url: URL) -> str:
    """The first line of what a driver said, without the password."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    secrets = [str(url.password)] if url.password else []
    return hide(said[0] if said else type(error).__name__, secrets)
