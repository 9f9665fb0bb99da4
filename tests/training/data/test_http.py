"""A web service that answers, refuses, is busy, or talks nonsense."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from training.config.load import parse_config
from training.data.sources import http
from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from training.data import DataManager

    Manage = Callable[..., DataManager]


class Service:
    """What is answered, in turn (the last again and again), and what was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        self.url = ""

    def says(self, *answers: tuple[int, str]) -> None:
        self.answers = [(code, body, {}) for code, body in answers]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A server on this machine; waiting between two tries is short."""
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            found.asked.append((parts.path, parse_qs(parts.query), dict(self.headers)))
            code, body, headers = (
                found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            )
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Silent."""

    monkeypatch.setattr(http, "FIRST_WAIT", 0.001)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found.url = f"http://127.0.0.1:{server.server_port}/bars"
        yield found
        server.shutdown()


def source(service: Service, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - keys of a source
    return {"type": "http", "url": service.url} | keys


def written(prices: pd.DataFrame) -> dict[str, str]:
    frame = prices.assign(date=prices["date"].dt.strftime("%Y-%m-%d"))
    return {
        "csv": frame.to_csv(index=False),
        "records": json.dumps({"data": {"bars": frame.to_dict("records")}}),
        "columns": json.dumps(frame.to_dict("list")),
    }


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ("csv", {}),
        ("records", {"format": "json", "records": "data.bars"}),
        ("columns", {"format": "json"}),
    ],
)
def test_an_answer_is_the_same_data_as_a_frame(
    body: str, keys: dict[str, Any], service: Service, prices: pd.DataFrame, manage: Manage
) -> None:
    service.says((200, written(prices)[body]))
    found = manage(source=source(service, **keys)).load()
    assert found.fingerprint == manage(prices).load().fingerprint


def test_window_and_parameters_are_sent(
    service: Service, prices: pd.DataFrame, manage: Manage
) -> None:
    """The service is asked for the window; the table is cut to it in any case."""
    service.says((200, written(prices)["csv"]))
    keys = {
        "start": "2024-01-10",
        "end": "2024-02-10",
        "start_parameter": "from",
        "end_parameter": "to",
        "as_of": "2024-02-20",
        "as_of_parameter": "known",
        "parameters": {"symbol": "AAA", "limit": 100},
    }
    table = manage(source=source(service, **keys)).load()
    ((_, asked, _),) = service.asked
    assert asked == {
        "from": ["2024-01-10"], "to": ["2024-02-10"], "known": ["2024-02-20"],
        "symbol": ["AAA"], "limit": ["100"],
    }  # fmt: skip
    assert len(table.frame) == 32


def test_numbered_pages_are_asked_for_until_one_is_empty(
    service: Service, prices: pd.DataFrame, manage: Manage
) -> None:
    pages = [written(prices[at : at + 25])["csv"] for at in (0, 25, 50)]
    service.says(*((200, page) for page in (*pages, written(prices[:0])["csv"])))
    found = manage(source=source(service, page_parameter="page")).load()
    assert found.fingerprint == manage(prices).load().fingerprint
    assert [asked["page"] for _, asked, _ in service.asked] == [["1"], ["2"], ["3"], ["4"]]


def test_a_service_that_knows_no_pages_is_not_asked_for_ever(
    service: Service, prices: pd.DataFrame, manage: Manage
) -> None:
    service.says((200, written(prices)["csv"]))
    with pytest.raises(DataError, match="page 2 is page 1 again"):
        manage(source=source(service, page_parameter="page")).load()


def test_pages_that_name_the_next_are_followed(
    service: Service, prices: pd.DataFrame, manage: Manage
) -> None:
    """On the same host alone: what is secret goes nowhere else."""
    pages = [json.loads(written(prices[at : at + 30])["records"]) for at in (0, 30)]
    bodies = [
        json.dumps(page | {"links": {"next": link}})
        for page, link in zip(pages, ("/bars?after=30", None), strict=True)
    ]
    service.says(*((200, body) for body in bodies))
    keys = {"format": "json", "records": "data.bars", "next_page": "links.next"}
    found = manage(source=source(service, **keys)).load()
    assert found.fingerprint == manage(prices).load().fingerprint
    assert [asked for _, asked, _ in service.asked] == [{}, {"after": ["30"]}]
    service.says((200, json.dumps(pages[0] | {"links": {"next": "http://else.where/bars"}})))
    with pytest.raises(DataError, match=r"leads to another host, else\.where"):
        manage(source=source(service, **keys)).load()


def test_a_busy_service_is_asked_again(
    service: Service, prices: pd.DataFrame, manage: Manage
) -> None:
    """429 and a server's errors are no end."""
    service.says((503, "busy"), (429, "slow down"), (500, ""), (200, written(prices)["csv"]))
    manage(source=source(service)).load()
    assert len(service.asked) == 4


def test_a_service_that_stays_busy_is_an_error(service: Service, manage: Manage) -> None:
    service.says((503, "busy"))
    with pytest.raises(DataError, match="503 Service Unavailable: 'busy', asked 3 times"):
        manage(source=source(service, retries=2)).load()


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    """The service's own word counts, within reason; else twice as long each time."""
    assert http._wait(0, "7") == 7
    assert http._wait(0, "99999") == http.LONGEST_WAIT
    assert http._wait(3, "") <= 8 * http.FIRST_WAIT
    assert http._wait(40, "") == http.LONGEST_WAIT


def test_nobody_there(manage: Manage) -> None:
    unreachable = {"type": "http", "url": "http://127.0.0.1:1/bars", "retries": 0}
    with pytest.raises(DataError, match=r"http://127.0.0.1:1/bars: ConnectError: .*asked 1 times"):
        manage(source=unreachable).load()


BROKEN = [
    (404, "no such thing", {}, "404 Not Found: 'no such thing', asked 1 times"),
    (401, "who are you", {}, "401 Unauthorized"),
    (200, "", {}, "is empty"),
    (200, "<html>\n<p>1,2</p>\n</html>\n", {}, "equally many fields"),
    (200, "nonsense", {"format": "json"}, "the answer is no JSON: 'nonsense'"),
    (200, "[1, 2]", {"format": "json"}, "no list of records"),
    (200, '{"a": 1}', {"format": "json"}, "no list of records"),
    (200, '{"a": {"b": []}}', {"format": "json", "records": "a.c"}, "no 'c' there, but b"),
    (200, '{"a": [1], "b": [1, 2]}', {"format": "json"}, "different lengths"),
    (200, "[]", {"format": "json"}, "0 rows"),
    (200, "date,close\n", {}, "0 rows"),
    (302, "", {}, "302 Found"),
]


@pytest.mark.parametrize(("code", "body", "keys", "words"), BROKEN)
def test_an_answer_that_is_no_table_is_an_error_of_ours(
    code: int, body: str, keys: dict[str, Any], words: str, service: Service, manage: Manage
) -> None:
    service.says((code, body))
    with pytest.raises(DataError) as caught:
        manage(source=source(service, **keys)).load()
    assert words in str(caught.value)


SECRETS: dict[str, Any] = {
    "bearer_variable": "PRICES_TOKEN",
    "secret_headers": {"X-Key": "PRICES_KEY"},
    "secret_parameters": {"apikey": "PRICES_KEY"},
}


class TestSecrets:
    """Tokens come from the environment, go to the service, and nowhere else."""

    @pytest.fixture(autouse=True)
    def _set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PRICES_TOKEN", "hunter2")
        monkeypatch.setenv("PRICES_KEY", "s3cr3t")

    def test_they_are_sent(self, service: Service, prices: pd.DataFrame, manage: Manage) -> None:
        service.says((200, written(prices)["csv"]))
        table = manage(source=source(service, **SECRETS)).load()
        ((_, asked, headers),) = service.asked
        assert headers["Authorization"] == "Bearer hunter2"
        assert headers["X-Key"] == "s3cr3t"
        assert asked == {"apikey": ["s3cr3t"]}
        assert table.fingerprint == manage(prices).load().fingerprint
        assert not any(word in str(table.description) for word in ("hunter2", "s3cr3t"))

    def test_they_are_not_in_errors(self, service: Service, manage: Manage) -> None:
        """Not even when the service repeats them."""
        service.says((403, "the key s3cr3t may not: hunter2"))
        with pytest.raises(DataError) as caught:
            manage(source=source(service, **SECRETS)).load()
        assert "the key … may not: …" in str(caught.value)

    def test_they_do_not_follow_a_redirect(self, service: Service, manage: Manage) -> None:
        service.answers = [(302, "", {"Location": "/elsewhere"})]
        with pytest.raises(DataError, match="302 Found"):
            manage(source=source(service, **SECRETS)).load()
        assert len(service.asked) == 1

    def test_one_that_is_not_set_is_named(
        self, service: Service, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PRICES_TOKEN")
        with pytest.raises(DataError, match="PRICES_TOKEN, which is not set"):
            manage(source=source(service, **SECRETS)).load()
        assert service.asked == []

    def test_one_in_the_url_is_refused(self) -> None:
        url = "https://me:hunter2@host/bars"
        with pytest.raises(ConfigError, match=r"data\.source\.url"):
            parse_config({"data": {"source": {"type": "http", "url": url}}})
