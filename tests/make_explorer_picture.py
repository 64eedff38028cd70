"""Make docs/images/explorer.png: `python tests/make_explorer_picture.py`. Needs Graphviz, Chromium, ChromeDriver."""

from __future__ import annotations

import tempfile
from pathlib import Path

from browser import Browser

from autograd import Value, explore

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def explorer() -> bytes:
    """The page of the second article's neuron after ten attempts, in the middle of the way back."""
    x, weight, bias = Value(0.01, "input"), Value(0.5, "weight"), Value(0.5, "bias")
    net = x * weight + bias
    output = net.tanh()
    error = output - 0.1
    loss = error**2 / 2
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        browser.screen(1200, 1260, scale=0.9, prefers_color_scheme="light")
        browser.open(explore(loss, Path(folder, "neuron.html"), train=[weight, bias]))
        browser.run("for (let i = 0; i < 10; i++) document.getElementById('once').click()")
        browser.run("for (let i = 0; i < 14; i++) document.getElementById('next').click()")
        return browser.picture()


if __name__ == "__main__":
    (IMAGES / "explorer.png").write_bytes(explorer())
    print("wrote", IMAGES / "explorer.png")
