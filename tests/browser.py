"""Drive Chromium by ChromeDriver: the part of the W3C WebDriver protocol that tests and screenshots need.

https://www.w3.org/TR/webdriver2/ is JSON over HTTP, so the standard library is all it takes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)
DRIVER = shutil.which("chromedriver")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key under which the protocol passes elements
KEYS = {"Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015", "Home": "\ue011", "End": "\ue010",
        "Tab": "\ue004", "Enter": "\ue007"}  # fmt: skip


class Browser:
    """A headless Chromium with a new, empty profile."""

    def __init__(self) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            [DRIVER or "chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._session = ""
        try:
            self._base = self._address()
            options = {
                "binary": shutil.which(CHROMIUM or "chromium"),
                "args": [*_FLAGS, f"--user-data-dir={self._profile.name}"],
            }
            asked = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": asked}})
            self._session = f"/session/{session['sessionId']}"
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _address(self) -> str:
        assert self._driver.stdout is not None
        said = []
        for line in self._driver.stdout:
            said.append(line)
            if port := re.search(r"started successfully on port (\d+)", line):
                return f"http://127.0.0.1:{port[1]}"
        raise RuntimeError(f"chromedriver did not start: {''.join(said)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._session:
                self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.communicate()
            self._profile.cleanup()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            with problem:
                raise RuntimeError(json.load(problem)["value"]["message"]) from None

    def _post(self, path: str, **body: Any) -> Any:
        return self._call("POST", self._session + path, body)

    def _get(self, path: str) -> Any:
        return self._call("GET", self._session + path)

    def open(self, page: os.PathLike[str]) -> None:
        """Empty the logs of earlier pages, and load a file."""
        self.complaints(), self.requests()
        self._post("/url", url=Path(page).resolve().as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page, with JSON as its arguments and result."""
        return self._post("/execute/sync", script=script, args=list(arguments))

    def wait(self, script: str, seconds: float = 60.0) -> None:
        """Wait until the body of a function returns something true."""
        until = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > until:
                raise TimeoutError(f"not within {seconds} seconds: {script}")
            time.sleep(0.02)

    def element(self, css: str) -> str:
        """Return the id of the first element that matches a selector."""
        found: str = self._post("/element", using="css selector", value=css)[_ELEMENT]
        return found

    def enter(self, css: str) -> None:
        """Run what follows in the frame that matches a selector."""
        self._post("/frame", id={_ELEMENT: self.element(css)})

    def leave(self) -> None:
        """Run what follows in the page itself."""
        self._post("/frame", id=None)

    def click(self, css: str) -> None:
        self._post(f"/element/{self.element(css)}/click")

    def point_at(self, css: str) -> None:
        """Move the mouse to an element."""
        origin = {_ELEMENT: self.element(css)}
        move = {"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": origin}
        self._post("/actions", actions=[{"type": "pointer", "id": "mouse", "actions": [move]}])

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, on the element that has the focus."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def role(self, css: str) -> str:
        """Return the role that a screen reader announces."""
        role: str = self._get(f"/element/{self.element(css)}/computedrole")
        return role

    def spoken(self, css: str) -> str:
        """Return the name that a screen reader announces."""
        label: str = self._get(f"/element/{self.element(css)}/computedlabel")
        return label

    def complaints(self) -> list[str]:
        """Return the messages of the console since the last call."""
        return [entry["message"] for entry in self._post("/se/log", type="browser")]

    def requests(self) -> list[str]:
        """Return the addresses that the page requested since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self._post("/se/log", type="performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def screen(self, width: int, height: int, *, scale: float = 1, kind: str = "", **media: str) -> None:
        """Set the size of the screen, its kind ("print"), and what its user prefers: `prefers_color_scheme="dark"`."""
        self._tools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self._tools("Emulation.setEmulatedMedia", media=kind, features=features)

    def picture(self, whole: bool = False) -> bytes:
        """Return a screenshot as PNG, of the visible part or of the whole page."""
        return base64.b64decode(
            self._tools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        )

    def printed(self) -> bytes:
        """Return the page as it is printed, as PDF."""
        return base64.b64decode(self._tools("Page.printToPDF")["data"])

    def _tools(self, command: str, **parameters: Any) -> Any:
        return self._post("/goog/cdp/execute", cmd=command, params=parameters)


def missing() -> list[str]:
    """Return the names of the programs that are not installed."""
    return [name for name, found in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if not found]
