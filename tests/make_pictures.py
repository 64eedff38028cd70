"""Make the pictures in README and docs: `python tests/make_pictures.py [name ...]`, by default all of them.

Needs Graphviz, Chromium with ChromeDriver, LibreOffice (soffice) and pdftoppm (apt install poppler-utils).
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import graphviz
from browser import Browser
from test_house import LAYERS, MODULES, imports_of

from autograd import Value, descend, draw, explore, nn, to_spreadsheet
from autograd.__main__ import Example, record_example

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def articles_neuron(x: float, weight: float, bias: float, target: Value | float) -> Example:
    """Record the articles' neuron with its loss, and label the stages as they do."""
    return record_example(nn.Neuron(1, weights=[weight], bias=bias), x, target)


def neuron(folder: Path) -> None:
    """Draw the first article's neuron."""
    stages = articles_neuron(0.4, 0.5, 0.6, 0.7)
    stages.loss.backward()
    (folder / "neuron.svg").write_bytes(draw(stages.loss).pipe(format="svg"))


def network(folder: Path) -> None:
    """Draw the network of micrograd's demo, neuron by neuron."""
    model = nn.MLP(2, [16, 16, 1], rng=random.Random(5))
    loss = nn.mse(model([0.5, -1.0]), 1.0)
    loss.backward()
    picture = draw(loss, detail="neuron", names={"loss": loss})
    (folder / "network.svg").write_bytes(picture.pipe(format="svg"))


def printed(folder: Path) -> None:
    """Draw the articles' neuron as for a paper, with circles and the order of the visits."""
    stages = articles_neuron(0.4, 0.5, 0.6, 0.7)
    stages.loss.backward()
    picture = draw(stages.loss, theme="print", ops=True, order=True, legend=True)
    (folder / "print.svg").write_bytes(picture.pipe(format="svg"))


def explorer(folder: Path) -> None:
    """Photograph the page of the second article's neuron after ten attempts, in the middle of the backward pass."""
    stages = articles_neuron(0.01, 0.5, 0.5, 0.1)
    with tempfile.TemporaryDirectory() as pages, Browser() as browser:
        browser.screen(1200, 1260, scale=0.9, prefers_color_scheme="light")
        browser.open(explore(stages.loss, Path(pages, "neuron.html"), train=[stages.weight, stages.bias]))
        browser.run("for (let i = 0; i < 10; i++) document.getElementById('once').click()")
        browser.run("for (let i = 0; i < 14; i++) document.getElementById('next').click()")
        (folder / "explorer.png").write_bytes(browser.picture())


def spreadsheet(folder: Path) -> None:
    """Photograph both sheets of the articles' neurons."""
    with tempfile.TemporaryDirectory() as name:
        gradients = articles_neuron(0.4, 0.5, 0.6, 0.7)
        path = to_spreadsheet(gradients.loss, Path(name, "gradients.xlsx"))
        _printed(path, 1, 265, folder / "spreadsheet.png")
        training = articles_neuron(0.01, 0.5, 0.5, Value(0.1, "target"))
        train = [training.weight, training.bias]
        path = to_spreadsheet(training.loss, Path(name, "training.xlsx"), train=train, attempts=24)
        _printed(path, 2, 270, folder / "spreadsheet-training.png")


def _printed(sheet: Path, page: int, height: int, picture: Path) -> None:
    """Convert the spreadsheet to PDF, and one page of that to a picture without margins."""
    profile = f"-env:UserInstallation={(sheet.parent / 'profile').as_uri()}"
    convert = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(sheet.parent), str(sheet)]
    subprocess.run(convert, check=True, capture_output=True, timeout=120)
    crop = ["-x", "70", "-y", "75", "-W", "1070", "-H", str(height)]
    command = ["pdftoppm", "-r", "110", "-png", *crop, "-f", str(page), "-singlefile", str(sheet.with_suffix(".pdf"))]
    subprocess.run([*command, str(picture.with_suffix(""))], check=True, timeout=120)


def descent(folder: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415  # the other pictures need none

    mpl.use("Agg")
    ax = None
    for lr in (0.05, 0.3, 0.9, 1.05):
        ax = descend(lambda w: (w - 3) ** 2, -2.0, lr=lr).plot(ax)
    assert ax is not None
    ax.figure.savefig(folder / "descent.png", dpi=90)


def house(folder: Path) -> None:
    """Draw the rooms of the package, from what they import."""
    picture = graphviz.Digraph(node_attr={"shape": "box", "fontname": "Helvetica"}, edge_attr={"color": "#666666"})
    picture.attr(bgcolor="white", ranksep="0.35")
    imports = imports_of_rooms()
    for layer in LAYERS:
        with picture.subgraph() as row:
            row.attr(rank="same")
            for room in sorted(layer):
                row.node(room, label=f"{room}/" if any(m.startswith(f"{room}.") for m in MODULES) else f"{room}.py")
    picture.edges(edge for room in imports for edge in direct(room, imports))
    (folder / "house.svg").write_bytes(picture.pipe(format="svg"))


def imports_of_rooms() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    rooms = {module: module.partition(".")[0] for module in MODULES}
    imports: dict[str, set[str]] = {room: set() for room in rooms.values()}
    for module, room in rooms.items():
        imports[room].update(rooms[other] for other in imports_of(module) if rooms[other] != room)
    return imports


def direct(room: str, imports: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return the edges from a room to the rooms that it reaches in no other way than by importing them itself."""
    indirect: set[str] = set()
    waiting = [further for other in imports[room] for further in imports[other]]
    while waiting:
        other = waiting.pop()
        if other not in indirect:
            indirect.add(other)
            waiting.extend(imports[other])
    return [(room, other) for other in sorted(imports[room] - indirect)]


PICTURES = {make.__name__: make for make in (neuron, network, printed, explorer, spreadsheet, descent, house)}


def main(names: Sequence[str], folder: Path = IMAGES) -> None:
    unknown = set(names) - PICTURES.keys()
    if unknown:
        raise SystemExit(f"no picture {', '.join(sorted(unknown))}: there are {', '.join(PICTURES)}")
    for name in names or PICTURES:
        PICTURES[name](folder)
        print("made", name)


if __name__ == "__main__":
    main(sys.argv[1:])
