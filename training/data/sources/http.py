"""CSV or JSON from a web service, asked again when it is busy."""

from __future__ import annotations

import io
import random
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from training.credentials import hide, secret
from training.data.sources.columns import chosen_columns
from training.data.sources.csv_files import parsed_csv
from training.data.sources.paths import without_secrets
from training.data.sources.rows import Rows
from training.data.window import last_of, written
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    import pandas as pd

    from training.config.sources import HttpSource

    Ask = Callable[[httpx.URL], httpx.Response]

BUSY = {408, 425, 429, 500, 502, 503, 504}
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
SHOWN = 120


def read_http(source: HttpSource) -> Rows:
    """The rows of the answer.

    Raises:
        DataError: no answer after all retries, a refusal, or an answer that is no table.
    """
    where = without_secrets(source.url)
    secrets = _secrets(source)
    try:
        frame = _all_pages(source, secrets, where)
    except DataError as error:
        raise DataError(hide(str(error), secrets.values())) from None
    frame.columns = [str(name) for name in frame.columns]
    return Rows(frame[chosen_columns(list(frame.columns), source, where)], where)


def _secrets(source: HttpSource) -> dict[str, str]:
    """Values by the name of their variable."""
    named = [*source.secret_headers.values(), *source.secret_parameters.values()]
    if source.bearer_variable:
        named.append(source.bearer_variable)
    return {name: secret(name, "data.source") for name in named}


def _all_pages(source: HttpSource, secrets: dict[str, str], where: str) -> pd.DataFrame:
    """The rows of the answer, or of all its pages."""
    import httpx
    import pandas as pd

    url = httpx.URL(source.url).copy_merge_params(_parameters(source, secrets))
    # A redirect could lead what is secret to another host.
    with httpx.Client(timeout=source.timeout_seconds, follow_redirects=not secrets) as client:
        ask = partial(_answer, client, source, secrets, where)
        pages = _numbered if source.page_parameter else _linked
        frames = list(pages(url, ask, source, where))
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _numbered(url: httpx.URL, ask: Ask, source: HttpSource, where: str) -> Iterator[pd.DataFrame]:
    """Pages 1, 2, 3, … until one has no rows."""
    last: pd.DataFrame | None = None
    for number in count(1):
        answer = ask(url.copy_set_param(str(source.page_parameter), number))
        frame = _table(answer, source, where)
        if last is not None and frame.empty:
            return
        if last is not None and frame.equals(last):
            raise DataError(
                f"{where}: page {number} is page {number - 1} again; does the service know "
                f"data.source.page_parameter = {source.page_parameter!r}?"
            )
        yield frame
        last = frame


def _linked(url: httpx.URL, ask: Ask, source: HttpSource, where: str) -> Iterator[pd.DataFrame]:
    """Pages of which each names the next; a page alone where none is looked for."""
    seen = set[str]()
    while str(url) not in seen:
        seen.add(str(url))
        answer = ask(url)
        yield _table(answer, source, where)
        if source.next_page:
            url = _next(answer, url, source, where)


def _table(answer: httpx.Response, source: HttpSource, where: str) -> pd.DataFrame:
    if source.format == "json":
        return _from_json(answer, source, where)
    frame: pd.DataFrame = parsed_csv(io.BytesIO(answer.content), source, where)
    return frame


def _next(answer: httpx.Response, url: httpx.URL, source: HttpSource, where: str) -> httpx.URL:
    """The URL of the next page; this one again after the last.

    Raises:
        DataError: it leads to another host, which is not to see what is secret.
    """
    found: Any = answer.json()
    for name in str(source.next_page).split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if not found:
        return url
    following = url.join(str(found))
    if (following.host, following.scheme, following.port) != (url.host, url.scheme, url.port):
        raise DataError(f"{where}: data.source.next_page leads to another host, {following.host}")
    return following


def _answer(
    client: httpx.Client, source: HttpSource, secrets: dict[str, str], where: str, url: httpx.URL
) -> httpx.Response:
    """The first answer that is no error; what is told of a refusal has no secret in it."""
    import httpx

    request = client.build_request("GET", url, headers=_headers(source, secrets))
    for attempt in range(source.retries + 1):
        asked = ""
        try:
            answer = client.send(request)
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if answer.is_success:
                return answer
            reason = f"{answer.status_code} {answer.reason_phrase}: {answer.text[:SHOWN]!r}"
            if answer.status_code not in BUSY:
                break
            asked = answer.headers.get("Retry-After", "")
        if attempt < source.retries:
            time.sleep(_wait(attempt, asked))
    raise DataError(f"{where}: {reason}, asked {attempt + 1} times; see data.source")


def _parameters(source: HttpSource, secrets: dict[str, str]) -> dict[str, str | int | float]:
    window = {
        source.start_parameter: written(source.start),
        source.end_parameter: written(last_of(source)),
        source.as_of_parameter: written(source.as_of),
    }
    return (
        source.parameters
        | {name: at for name, at in window.items() if name and at is not None}
        | {name: secrets[variable] for name, variable in source.secret_parameters.items()}
    )


def _headers(source: HttpSource, secrets: dict[str, str]) -> dict[str, str]:
    headers = {name: secrets[variable] for name, variable in source.secret_headers.items()}
    if source.bearer_variable:
        headers["Authorization"] = f"Bearer {secrets[source.bearer_variable]}"
    return headers


def _wait(attempt: int, asked: str) -> float:
    """Twice as long each time, or as long as the service asks for."""
    if asked.isdecimal():
        return min(float(asked), LONGEST_WAIT)
    doubled: float = FIRST_WAIT * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - so that not all ask at once
    return min(doubled, LONGEST_WAIT)


def _from_json(answer: httpx.Response, source: HttpSource, where: str) -> pd.DataFrame:
    import pandas as pd

    try:
        found: Any = answer.json()
    except ValueError:
        raise DataError(
            f"{where}: the answer is no JSON: {answer.text[:SHOWN]!r}; see data.source.format"
        ) from None
    for name in source.records.split(".") if source.records else ():
        if not isinstance(found, dict) or name not in found:
            known = ", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__
            raise DataError(
                f"{where}: data.source.records = {source.records!r}: the JSON has no {name!r} "
                f"there, but {known[:SHOWN]}"
            )
        found = found[name]
    records = isinstance(found, list) and all(isinstance(row, dict) for row in found)
    columns = isinstance(found, dict) and all(isinstance(one, list) for one in found.values())
    if not (records or columns):
        raise DataError(
            f"{where}: the JSON is no list of records, nor an object of columns; say where they "
            "are in data.source.records"
        )
    try:
        return pd.DataFrame(found)
    except ValueError as error:
        raise DataError(f"{where}: columns of different lengths: {error}") from None
