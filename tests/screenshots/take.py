"""The pictures of docs/ui.md: a real server, a real worker, real runs, a headless Chromium.

`make screenshots` runs it. It takes two minutes, and needs Chromium, which nothing else does.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from PIL import Image

from tests.screenshots.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000
SECONDS = 240.0
BUSY = 503
DEPLOYMENTS: dict[str, dict[str, Any]] = {  # as in deployments/prefect.yaml
    "train": {"config_file": "configs/quickstart.yaml"},
    "retrain": {"config_file": "configs/retrain.yaml"},
}


class Prefect:
    """A server and a worker of their own, with the deployments of the pictures."""

    def __init__(self, folder: Path) -> None:
        """Start them."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._environment = os.environ | {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_UI_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            # SQLite has one writer, and a server that has just started writes a lot.
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "60",
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        }
        for name in ("flows", "tasks", "training", "configs"):
            (folder / name).symlink_to(ROOT / name)
        serve = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        self._started = [self._start(*serve)]
        self._wait(f"{self.url}/api/health")
        self.api("work_pools/", {"name": "retrain", "type": "process"})
        self._deploy()
        self._started.append(self._start("worker", "start", "--pool", "retrain"))

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the server, again if its database is busy, as Prefect's own client does."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/api/{path}", data, {"Content-Type": "application/json"})
        until = time.monotonic() + SECONDS
        while True:
            try:
                with urlopen(request, timeout=60) as answer:
                    return json.loads(answer.read() or b"null")
            except HTTPError as error:
                if error.code != BUSY or time.monotonic() > until:
                    raise
            time.sleep(2)

    def form(self, flow: str) -> str:
        """Where the form of a flow is."""
        deployment = self.api(f"deployments/name/{flow}/{flow}")["id"]
        return f"{self.url}/v2/deployments/deployment/{deployment}/run"

    def newest(self, flow: str) -> dict[str, Any]:
        """The run of a flow that was made last."""
        body = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        return dict(self.api("flow_runs/filter", body)[0])

    def run(self, flow: str, **parameters: Any) -> None:  # noqa: ANN401 - fields of the form
        """Run a deployment to its end."""
        deployment = self.api(f"deployments/name/{flow}/{flow}")["id"]
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        self.finished(self.api(f"deployments/{deployment}/create_flow_run", body)["id"])

    def finished(self, flow_run: str) -> None:
        """Wait until a run is complete."""
        until = time.monotonic() + SECONDS
        while (state := self.api(f"flow_runs/{flow_run}")["state"])["type"] != "COMPLETED":
            if state["type"] in {"FAILED", "CRASHED"} or time.monotonic() > until:
                log = (self._folder / "worker.log").read_text()[-3000:]
                raise RuntimeError(f"{state['type']}: {state['message']}\n{log}")
            time.sleep(0.5)

    def artifact(self, key: str) -> str:
        """Where the newest artifact of a key is."""
        body = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
        return f"{self.url}/v2/artifacts/artifact/{self.api('artifacts/filter', body)[0]['id']}"

    def report(self, run_id: str, output: Path) -> None:
        """`retrain report`."""
        storage = str(self._folder / "artifacts")
        command = [str(BIN / "retrain"), "report", run_id, "--storage", storage]
        command += ["--output", str(output)]
        subprocess.run(command, check=True, cwd=self._folder, env=self._environment)

    def stop(self) -> None:
        """End both."""
        for process in reversed(self._started):
            os.killpg(process.pid, signal.SIGKILL)  # what they made goes with the folder
            process.wait()

    def _deploy(self) -> None:
        deployments = [
            {
                "name": name,
                "entrypoint": f"flows/{name}.py:{name}",
                "work_pool": {"name": "retrain"},
                "parameters": parameters | {"storage": "./artifacts"},
            }
            for name, parameters in DEPLOYMENTS.items()
        ]
        here = {"prefect.deployments.steps.set_working_directory": {"directory": str(self._folder)}}
        file = self._folder / "pictures.json"  # JSON is YAML
        file.write_text(json.dumps({"pull": [here], "deployments": deployments}))
        command = [str(BIN / "prefect"), "--no-prompt", "deploy", "--all"]
        command += ["--prefect-file", str(file)]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stdout.decode() + done.stderr.decode())

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{arguments[0]}.log").open("wb") as log:
            return subprocess.Popen(
                [BIN / "prefect", *arguments],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self, url: str) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                with urlopen(url, timeout=5):
                    return
            except OSError:
                time.sleep(0.3)
        raise TimeoutError(f"{url} does not answer")


@contextmanager
def prefect() -> Iterator[Prefect]:
    """For as long as the pictures are taken."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        one = Prefect(Path(folder))
        try:
            yield one
        finally:
            one.stop()


def save(browser: Browser, name: str) -> None:
    """A picture of what the browser shows, small: a page has few colours.

    Raises:
        ValueError: it is too large for a repository all the same.
    """
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(browser.picture())).convert("RGB")
    picture.quantize(96, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)
    size = (IMAGES / f"{name}.png").stat().st_size
    if size > LARGEST:
        raise ValueError(f"{name}.png has {size:,} bytes; make the window smaller")
    print(f"docs/images/{name}.png  {size:,} bytes")


def take(place: Prefect, browser: Browser) -> None:
    """All of them, in the order of the guide."""
    browser.size(1280, 1500)
    browser.open(place.form("train"), "Parameters")
    browser.wait_for("Epochs")
    browser.fill("Epochs", "40")
    save(browser, "form-train")
    submit(browser)
    place.finished(place.newest("train")["id"])
    for month in ("2016-06-30", "2016-07-29"):
        place.run("retrain", as_of=month, overrides=["training.epochs=20"])
    browser.open(place.form("retrain"), "Parameters")
    browser.wait_for("Window days")
    browser.run("[...document.querySelectorAll('label')].find(e => e.innerText.startsWith("
                "'Window days')).scrollIntoView({block: 'center'})")  # fmt: skip
    save(browser, "form-retrain")
    of_runs(place, browser)
    of_artifacts(place, browser)


def submit(browser: Browser) -> None:
    """Press the form's button until the page is another one: a server that is busy refuses.

    Raises:
        TimeoutError: the form stays.
    """
    for _ in range(30):
        browser.press("Submit")
        time.sleep(3)
        if not str(browser.run("location.pathname")).endswith("/run"):
            return
    raise TimeoutError(f"the form was not taken: {browser.text()[-2000:]}")


def of_runs(place: Prefect, browser: Browser) -> None:
    """The page of a run: its tasks with their metrics, its artifacts."""
    browser.size(1280, 1100)
    url = f"{place.url}/v2/runs/flow-run/{place.newest('train')['id']}"
    browser.open(url, "train sp500-direction")
    time.sleep(5)  # the graph of the tasks is drawn bit by bit
    browser.press("Artifacts")
    browser.wait_for("sp500-direction-overview")
    time.sleep(3)
    save(browser, "run")


def of_artifacts(place: Prefect, browser: Browser) -> None:
    """What is shown of a run and of a retraining, and the report as a file."""
    browser.size(1280, 860)
    for name, key, text in (
        ("overview", "sp500-direction-overview", "Registered as"),
        ("curves", "sp500-direction-learning-curves", "accuracy"),
        ("metrics", "sp500-direction-metrics", "val_loss"),
        ("decision", "sp500-direction-nightly-decision", "challenger"),
    ):
        browser.open(place.artifact(key), text)
        save(browser, name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        outcome = place.api(
            "artifacts/filter",
            {"artifacts": {"key": {"any_": ["sp500-direction-nightly-overview"]}},
             "sort": "CREATED_DESC", "limit": 1},
        )[0]["description"]  # fmt: skip
        place.report(outcome.split()[-1], file)
        browser.size(1000, 1500)
        browser.open(file.as_uri(), "Decision")
        save(browser, "report")


if __name__ == "__main__":
    with Browser() as opened, prefect() as started:
        take(started, opened)
