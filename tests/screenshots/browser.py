"""A headless Chromium, told over its debugging protocol what to open, press, fill in, and take.

Nothing but Chromium itself and `websockets`, which Prefect brings, is needed.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from types import TracebackType

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 30.0
HOW_TO_INSTALL = (
    "no Chromium found: install one (Debian: apt-get install chromium; macOS: brew install "
    "--cask chromium); only the screenshots need it"
)


def require() -> str:
    """Where Chromium is.

    Raises:
        SystemExit: none is installed; with how to install one.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise SystemExit(HOW_TO_INSTALL)
    return found


class Browser:
    """One page of a headless Chromium, closed with the `with` block."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        """Start it.

        Raises:
            SystemExit: none is installed; with how to install one.
        """
        found = require()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += ["--remote-debugging-port=0", f"--user-data-dir={self._profile.name}"]
        self._process = subprocess.Popen(
            [found, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._numbers = itertools.count(1)
        self._socket = self._connect()
        self.size(width, height)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._socket.close()
        self._process.terminate()
        self._process.wait()
        self._profile.cleanup()

    def size(self, width: int, height: int) -> None:
        """How large the window is."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, url: str, text: str) -> None:
        """Open a page, and wait until it shows a text."""
        self._call("Page.navigate", {"url": url})
        self.wait_for(text)

    def wait_for(self, text: str, seconds: float = SECONDS) -> None:
        """Wait until the page shows a text, and a moment more for what moves.

        Raises:
            TimeoutError: it does not; with what it shows.
        """
        until = time.monotonic() + seconds
        while not self.run(f"document.body?.innerText.includes({json.dumps(text)})"):
            if time.monotonic() > until:
                raise TimeoutError(f"no {text!r} in: {self.text()[:2000]}")
            time.sleep(0.2)
        time.sleep(1.0)

    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body?.innerText"))

    def press(self, text: str, kind: str = "button,a,[role=tab],[role=menuitem]") -> None:
        """Press what is labelled so.

        Raises:
            LookupError: there is nothing of that label.
        """
        script = (
            f"(() => {{ const all = [...document.querySelectorAll({json.dumps(kind)})];"
            f"const one = all.find(e => e.innerText.trim() === {json.dumps(text)});"
            "if (!one) return false; one.scrollIntoView({block: 'center'});"
            "const b = one.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        place = self.run(script)
        if not place:
            raise LookupError(f"nothing is labelled {text!r}: {self.text()[:2000]}")
        for what in ("mouseMoved", "mousePressed", "mouseReleased"):
            event = {"type": what, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", event)
        time.sleep(0.5)

    def fill(self, label: str, value: str) -> None:
        """Put a value into the input that follows a label, as if it was typed.

        Raises:
            LookupError: there is no such label.
        """
        script = (
            f"(() => {{ const one = [...document.querySelectorAll('label')].find("
            f"e => e.innerText.trim().startsWith({json.dumps(label)}));"
            "const all = [...document.querySelectorAll('input,textarea')];"
            "const next = one && all.find(e => one.compareDocumentPosition(e) & 4);"
            "if (!next) return false; next.focus(); next.select(); return true; })()"
        )
        if not self.run(script):
            raise LookupError(f"no field is labelled {label!r}: {self.text()[:2000]}")
        self.type(value)
        time.sleep(0.5)

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """Run JavaScript in the page."""
        answer = self._call("Runtime.evaluate", {"expression": script, "returnByValue": True})
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", {"text": text})

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", {"format": "png"})["data"])

    def _connect(self) -> ClientConnection:
        note = Path(self._profile.name, "DevToolsActivePort")
        until = time.monotonic() + SECONDS
        while not (note.exists() and note.read_text().count("\n")):
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit("Chromium did not start")
            time.sleep(0.1)
        port = note.read_text().split()[0]
        with urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
            pages = json.load(answer)
        url = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        return connect(url, max_size=None)

    def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(SECONDS))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
