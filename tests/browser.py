"""A real Chromium, driven by chromedriver over WebDriver with the standard library alone, where both are installed."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def programs() -> tuple[str, str] | None:
    """Where Chromium and chromedriver are, None where one is missing."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """One page at a time. `logged` collects what the console said, `asked` every address that was asked for."""

    def __init__(self, port: int, program: str, profile: Path) -> None:
        self._root = f"http://127.0.0.1:{port}"
        self.logged: list[dict[str, Any]] = []
        self.asked: list[str] = []
        options = {"binary": program, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self._call("/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def _call(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        data = None if method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self._root + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    def open(self, page: Path) -> None:
        """Go to a file; what was before it is forgotten, such as the browser's own first page."""
        self._call(f"{self._session}/url", {"url": "about:blank"})
        self.read_logs()
        self.logged, self.asked = [], []
        self._call(f"{self._session}/url", {"url": page.resolve().as_uri()})
        self.read_logs()

    def read_logs(self) -> None:
        """Note what the console said since, and what was asked for."""
        self.logged += self._call(f"{self._session}/se/log", {"type": "browser"})
        for entry in self._call(f"{self._session}/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])

    def run(self, script: str) -> Any:
        """What a function body in the page gives back."""
        return self._call(f"{self._session}/execute/sync", {"script": script, "args": []})

    def tell(self, command: str, **params: Any) -> Any:
        """A command of the browser's own protocol."""
        return self._call(f"{self._session}/goog/cdp/execute", {"cmd": command, "params": params})

    def press(self, *keys: str) -> None:
        """Press keys one after the other; WebDriver's code points for those without a letter."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call(f"{self._session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def point(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self.tell("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, script: str) -> None:
        """Press the mouse on the element that the expression gives, wherever on the page it is."""
        place = f"const e = {script}; e.scrollIntoView({{block: 'center', behavior: 'instant'}}); "
        place += "const r = e.getClientRects()[0]; return [r.x + r.width / 2, r.y + r.height / 2]"
        x, y = self.run(place)
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def close(self) -> None:
        """End it."""
        self._call(self._session, method="DELETE")


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile below `folder`."""
    found = programs()
    assert found is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    driver = subprocess.Popen([found[1], f"--port={port}"], stdout=quiet, stderr=quiet)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        one = Browser(port, found[0], folder / "profile")
        try:
            yield one
        finally:
            one.close()
    finally:
        driver.terminate()
        driver.wait()
