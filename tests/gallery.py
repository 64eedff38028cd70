"""Read the models of docs/gallery.md, run them, and write its table and pictures: `python tests/gallery.py`.

A section of the page is a title and one block of Python, which makes `model` and `xs`, and trains it by `fit` or in a
loop of its own. It is run after the page's first block, with a `fit` that notes with what it was called.
"""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import autograd
from autograd import Value, draw
from autograd.trees import tree_leaves, tree_map
from autograd.views.render import Drawing

DOCS = Path(__file__).parent.parent / "docs"
PAGE, IMAGES = DOCS / "gallery.md", DOCS / "images" / "gallery"
_BEGIN, _END = "| model | lines of its classes | lines in all | parameters |", "\n\n"


@dataclass(frozen=True)
class Section:
    """A model of the page."""

    title: str
    text: str

    @property
    def code(self) -> str:
        return blocks(self.text)

    @property
    def name(self) -> str:
        """The name of its picture, and its place on the page."""
        return self.title.lower().replace(" ", "-")

    @property
    def lines_of_classes(self) -> int:
        classes = [node for node in ast.parse(self.code).body if isinstance(node, ast.ClassDef)]
        source = self.code.splitlines()
        return sum(lines_of("\n".join(source[node.lineno - 1 : node.end_lineno])) for node in classes)

    def row(self) -> str:
        """Return its row of the table."""
        size = len(run(self, None).model.parameters())
        return f"| [{self.title}](#{self.name}) | {self.lines_of_classes} | {lines_of(self.code)} | {size} |"


def lines_of(code: str) -> int:
    return sum(bool(line.strip()) for line in code.splitlines())


@dataclass
class Ran:
    """What a section has made, and the call of `fit` in it, if there is one."""

    module: ModuleType
    ys: Any = None
    loss: Any = None
    history: Any = None

    @property
    def model(self) -> Any:
        return self.module.model

    @property
    def xs(self) -> Any:
        return self.module.xs


def labelled(x: Any, name: str) -> Any:
    """Return Values with these numbers, in the same nesting, labelled name1, name2, ..."""
    values = tree_map(Value, x)
    leaves = tree_leaves(values)
    for i, v in enumerate(leaves, 1):
        v.label = name if len(leaves) == 1 else f"{name}{i}"
    return values


def blocks(text: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def page() -> tuple[str, list[Section]]:
    """Return the code before the sections, and the sections."""
    before, *parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    return blocks(before), [Section(part.partition("\n")[0], part) for part in parts]


BEFORE, SECTIONS = page()


def run(section: Section, backend: str | None, few: int | None = None, **options: Any) -> Ran:
    """Run the code of a section.

    Arguments:
        backend: that of `fit`; None to train nothing that `fit` would train.
        few: the number of samples to train with, by default all.
        options: arguments of `fit` that replace the page's.
    """
    ran = Ran(ModuleType("gallery_of_models"))
    names = vars(ran.module)

    def fit(model: Any, xs: Any, ys: Any, **written: Any) -> Any:
        ran.ys, ran.loss = ys, written["loss"]
        if backend is not None:
            chosen = {**written, "backend": backend, "progress": False, **options}
            ran.history = autograd.fit(model, xs[:few], ys[:few], **chosen)
        return ran.history

    exec(compile(BEFORE, str(PAGE), "exec"), names)
    names["fit"] = fit
    exec(compile(section.code, str(PAGE), "exec"), names)
    return ran


class Shown(NamedTuple):
    """What a picture shows of a model."""

    sample: int = 0
    inputs: int | None = None
    """As many of the sample; None for all."""
    labelled: bool = True
    """Whether the inputs are Values; where they choose, plain numbers show less of that."""
    output: int | None = 0
    """The index of one output; None for the loss, where several belong together."""
    detail: str = "neuron"
    direction: str = "LR"


SHOWN = {
    "residual-block": Shown(sample=4),
    "elman-network": Shown(inputs=3),
    "gated-recurrent-unit": Shown(inputs=1),
    "long-short-term-memory": Shown(inputs=1),
    "factorisation": Shown(labelled=False),
    "attention": Shown(inputs=2, detail="layer", direction="TB"),
    "two-tasks": Shown(output=None),
    "transformer": Shown(inputs=2, labelled=False, output=-1, detail="layer", direction="TB"),
    "batch-normalisation": Shown(inputs=2, direction="TB"),
    "layer-normalisation": Shown(direction="TB"),
    "quantile-regression": Shown(output=-1),
    "neural-differential-equation": Shown(direction="TB"),
    "physics-informed-network": Shown(sample=4, output=1, direction="TB"),
    "mixture-of-experts": Shown(direction="TB"),
    "graph-network": Shown(direction="TB"),
    "energy-based-model": Shown(direction="TB"),
    "bandit": Shown(direction="TB"),
    "learned-optimizer": Shown(direction="TB"),
    "meta-learning": Shown(detail="value", direction="TB"),
}


def picture(section: Section) -> Drawing:
    """Return the drawing of a model as it begins, with the gradients of one output for one sample."""
    shown, ran = SHOWN.get(section.name, Shown()), run(section, None)
    x = ran.xs[shown.sample]
    if shown.inputs is not None:
        x = x[: shown.inputs]
    outputs = ran.model(labelled(x, "x") if shown.labelled else x)
    if shown.output is None:
        output = ran.loss(outputs, ran.ys[shown.sample])
        output.label = "loss"
    else:
        output = tree_leaves(outputs)[shown.output]
        output.label = "output"
    output.backward()
    return draw(output, names={}, detail=shown.detail, direction=shown.direction)


def nodes(drawing: Drawing) -> set[str]:
    """Return the names of the nodes in a drawing."""
    return set(re.findall(r"^\s*(\w+) \[", drawing.source, re.MULTILINE)) - {"node", "edge", "graph"}


def nodes_of_picture(path: Path) -> set[str | None]:
    """Return the titles of the nodes in an SVG."""
    return {title.text for title in ET.parse(path).findall(".//{*}g[@class='node']/{*}title")}


def table() -> str:
    return "\n".join([_BEGIN, "|---|---|---|---|", *(section.row() for section in SECTIONS)])


def main(names: Sequence[str]) -> None:
    """Write the table, and the pictures of these models or of all."""
    text = PAGE.read_text()
    start = text.index(_BEGIN)
    PAGE.write_text(text[:start] + table() + text[text.index(_END, start) :])
    IMAGES.mkdir(exist_ok=True)
    for section in SECTIONS:
        if not names or section.name in names:
            (IMAGES / f"{section.name}.svg").write_bytes(picture(section).pipe(format="svg"))
            print("made", section.name)


if __name__ == "__main__":
    main(sys.argv[1:])
