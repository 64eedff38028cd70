"""What a notebook shows of a drawing, and of a page: in its theme, as wide as its column, and apart from the rest."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import graphviz
import pytest
from browser import Browser
from graphs import neuron
from hostile import HOSTILE
from layout_engines import ENGINES, only

from autograd.engine import Value
from autograd.views import render as rendering
from autograd.views.draw import Drawing, draw
from autograd.views.formula import formula
from autograd.views.inline import frame

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(13, 17, 23)"  # the paper of both themes


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with only(request.param, tmp_path_factory.mktemp("no-programs")):
        yield request.param


def inline(drawing: Drawing) -> str:
    shown: str = drawing._repr_mimebundle_()["text/html"]
    return shown


def parts(shown: str) -> tuple[str, ElementTree.Element]:
    """Return the style sheet and the picture."""
    style, svg = re.findall(r"<style>(.*?)</style>.*?(<svg.*</svg>)", shown, re.DOTALL)[0]
    return style, ElementTree.fromstring(svg)


def said(svg: ElementTree.Element) -> list[str]:
    """Return all text of a picture, and all tooltips."""
    text = [element.text or "" for element in svg.iter() if element.tag.endswith("}text")]
    return [*text, *(element.attrib[name] for element in svg.iter() for name in element.attrib if "title" in name)]


def shown_together(chromium: Browser, folder: Path, *pieces: str, body: str = "") -> Browser:
    path = folder / "notebook.html"
    path.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><meta name=viewport content=width=device-width>"
        f"<body {body}>{''.join(pieces)}",
        encoding="utf-8",
    )
    chromium.open(path)
    return chromium


# A picture -----------------------------------------------------------------------------------------------------------


def test_html_has_the_picture_of_the_image(engine: str) -> None:
    bundle = draw(neuron())._repr_mimebundle_()
    _, svg = parts(bundle["text/html"])
    image = ElementTree.fromstring(bundle["image/svg+xml"])
    assert said(svg) == said(image)
    assert len(said(image)) > 30


def test_the_same_on_every_run(engine: str) -> None:
    assert inline(draw(neuron())) == inline(draw(neuron()))


def test_types_are_included_and_excluded_as_asked() -> None:
    drawing = draw(neuron())
    svg, page = "image/svg+xml", "text/html"
    assert set(drawing._repr_mimebundle_()) == {svg, page}
    assert set(drawing._repr_mimebundle_(include=[], exclude=[])) == {svg, page}  # as marimo asks
    assert set(drawing._repr_mimebundle_(include=[page])) == {page}
    assert set(drawing._repr_mimebundle_(include=["image/png"])) == {"image/png"}
    assert set(drawing._repr_mimebundle_(exclude=[svg])) == {page}
    assert set(drawing._repr_mimebundle_(exclude=[page])) == {svg}
    graphviz.set_jupyter_format("png")
    try:
        assert set(drawing._repr_mimebundle_()) == {"image/png"}
    finally:
        graphviz.set_jupyter_format("svg")


def test_pictures_share_no_rule_and_no_id(engine: str) -> None:
    """A picture with a gradient of colours refers to it by an id, which is its own."""
    two = [Drawing("two", node_attr={"style": "filled", "fillcolor": colours}) for colours in ("red:blue", "blue:red")]
    for drawing in two:
        drawing.edge("a", "b")
    pictures = [inline(drawing) for drawing in [*two, draw(neuron()), draw(neuron(), theme="dark")]]
    seen: set[str] = set()
    for shown in pictures:
        style, svg = parts(shown)
        [scope] = set(re.findall(r'<div class="(.*?)" hidden="hidden">', shown))
        rules = re.findall(r"([^{}]+)\{[^{}]*\}", style.replace("@media print{", ""))
        assert len(rules) >= 3
        assert all(f".{scope}" in rule for rule in rules)
        ids = {element.get("id", scope) for element in svg.iter()}
        assert all(id.startswith(scope) for id in ids)
        assert not ids & seen
        seen |= ids
        for reference in re.findall(r"url\(#(.*?)\)", shown):
            assert reference in ids
    assert "url(#" in pictures[0]
    assert pictures[0].count(' id="') == 2 == pictures[0].count('="url(#')


def test_labels_stay_text(engine: str) -> None:
    class Tags(HTMLParser):
        def __init__(self, shown: str) -> None:
            super().__init__()
            self.seen = set[str]()
            self.feed(shown)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen |= {tag, *(name for name, _ in attrs)}

    plain, hostile = Value(1.0, "x") * 2, Value(1.0)
    for label in [*HOSTILE, 'fill="url(#x)" id="y"']:
        hostile *= Value(1.0, label)
    bundle = draw(hostile, detail="value")._repr_mimebundle_()
    assert Tags(bundle["text/html"]).seen <= Tags(inline(draw(plain))).seen | {"xml:space"}
    assert said(parts(bundle["text/html"])[1]) == said(ElementTree.fromstring(bundle["image/svg+xml"]))


def test_in_a_page_hostile_labels_are_seen_and_nothing_runs(chromium: Browser, tmp_path: Path) -> None:
    label = "</text></svg><script>document.title='run'</script><style>*{display:none}</style>&lt;"
    shown_together(chromium, tmp_path, inline(draw(Value(1.0, label) * 2)))
    assert label in chromium.run("return [...document.querySelectorAll('svg text')].map(t => t.textContent)")
    assert chromium.run("return document.title") == ""
    assert chromium.complaints() == []


MARKS: dict[str, tuple[str | None, dict[str, str], dict[str, str]]] = {  # the paper; attributes of <html> and <body>
    "nothing": (LIGHT, {}, {}),
    "nothing, in a page that is dark": (DARK, {"style": "color-scheme:dark"}, {}),
    "nothing, in a page that follows the system": (None, {"style": "color-scheme:light dark"}, {}),
    "JupyterLab, light": (LIGHT, {}, {"data-jp-theme-light": "true"}),
    "JupyterLab, dark": (DARK, {}, {"data-jp-theme-light": "false"}),
    "VS Code, light": (LIGHT, {}, {"class": "vscode-light"}),
    "VS Code, dark": (DARK, {}, {"class": "vscode-dark"}),
    "VS Code, dark with high contrast": (DARK, {}, {"class": "vscode-high-contrast"}),
    "VS Code, light with high contrast": (LIGHT, {}, {"class": "vscode-high-contrast vscode-high-contrast-light"}),
    "Colab, light": (LIGHT, {"theme": "light"}, {}),
    "Colab, dark": (DARK, {"theme": "dark"}, {}),
    "marimo, light": (LIGHT, {}, {"class": "light light-theme"}),
    "marimo, dark": (DARK, {}, {"class": "dark dark-theme"}),
    "a page of Sphinx, light": (LIGHT, {"data-theme": "light"}, {}),
    "a page of Sphinx, dark": (DARK, {}, {"data-theme": "dark"}),
    "a page of Sphinx, the system's": (None, {}, {"data-theme": "auto"}),
    "Quarto, light": (LIGHT, {}, {"class": "quarto-light"}),
    "Quarto, dark": (DARK, {}, {"class": "quarto-dark"}),
    "Bootstrap, light": (LIGHT, {"data-bs-theme": "light"}, {}),
    "Bootstrap, dark": (DARK, {"data-bs-theme": "dark"}, {}),
    "MkDocs Material, light": (LIGHT, {}, {"data-md-color-scheme": "default"}),
    "MkDocs Material, dark": (DARK, {}, {"data-md-color-scheme": "slate"}),
    "the classic notebook": (LIGHT, {}, {"id": "notebook-container"}),
}


def test_the_theme_is_that_of_the_notebook_not_that_of_the_system(chromium: Browser, tmp_path: Path) -> None:
    page = "<style>:root{background:#fff}@media(prefers-color-scheme:dark){:root{background:#000}}</style>"
    shown_together(chromium, tmp_path, inline(draw(neuron())), frame(page, name="a page"))
    for system, colour in (("light", LIGHT), ("dark", DARK)):
        chromium.screen(1400, 900, prefers_color_scheme=system)
        drawn = chromium.run(
            """
            window.mark = attributes => [document.documentElement, document.body].forEach((element, i) => {
                for (const {name} of [...element.attributes]) element.removeAttribute(name);
                for (const [name, value] of Object.entries(attributes[i])) element.setAttribute(name, value);
            });
            return arguments[0].map(attributes => {
                mark(attributes);
                const paper = document.querySelector("svg polygon"), frame = document.querySelector("iframe");
                return [getComputedStyle(paper).fill, getComputedStyle(frame).colorScheme];
            })""",
            [[root, body] for _, root, body in MARKS.values()],
        )
        for (viewer, (expected, _, _)), (paper, scheme) in zip(MARKS.items(), drawn, strict=True):
            assert paper == (expected or colour), (viewer, system)
            assert {"light": LIGHT, "dark": DARK, "light dark": colour}[scheme] == paper, (viewer, system)
        for viewer in ("JupyterLab, light", "JupyterLab, dark", *list(MARKS)[:3]):  # and the page in the frame follows
            expected, *attributes = MARKS[viewer]
            chromium.run("mark(arguments[0])", attributes)
            chromium.enter("iframe")
            framed = chromium.run("return getComputedStyle(document.documentElement).backgroundColor")
            assert framed == {LIGHT: LIGHT, DARK: "rgb(0, 0, 0)"}[expected or colour], (viewer, system)
            chromium.leave()


def test_every_colour_of_the_light_theme_has_its_dark_one(chromium: Browser, tmp_path: Path) -> None:
    style, _ = parts(inline(draw(neuron())))
    swaps = dict(re.findall(r'\[fill="(.*?)"\]\{fill:light-dark\(\1,(.*?)\)\}', style))
    light, dark = rendering.palette("light"), rendering.palette("dark")
    assert {swaps.get(colour, colour) for colour in light.values()} == set(dark.values())
    assert "light-dark" not in inline(draw(neuron(), theme="light"))


# Rules of nbconvert's template for the classic notebook (static/style.css), which weigh more than a class does; and
# of a page that shows all, or none, of its elements in its own way.
HOST = """<style>
.rendered_html img, .rendered_html pre, .rendered_html p, .rendered_html div {display: block}
.rendered_html img {margin: 1em auto}
div.output_area img, div.output_area svg {max-width: 100%; height: auto}
body div.output_area .rendered_html svg {display: inline; width: auto; min-width: 0; max-width: 50px}
body div.output_area .rendered_html iframe {display: none; width: 20px; height: 20px; border: 0}
</style>"""


def test_a_page_with_rules_of_its_own_shows_each_output_once(chromium: Browser, tmp_path: Path) -> None:
    drawing, typed = inline(draw(neuron())), formula(neuron())._repr_html_() or ""
    shown = "".join(f'<div class="rendered_html">{x}</div>' for x in (drawing, typed, frame("<p>x</p>", name="a page")))
    chromium.screen(1400, 900)
    sizes = """
    const size = element => { const {width, height} = element.getBoundingClientRect(); return [width, height]; };
    return [...document.querySelectorAll(".rendered_html svg, .rendered_html iframe")].map(size)"""
    shown_together(chromium, tmp_path, f'<div class="output_area">{shown}</div>')
    alone = chromium.run(sizes)
    shown_together(chromium, tmp_path, HOST, f'<div class="output_area">{shown}</div>')
    instead = "return [...document.querySelectorAll('img, pre, p')].filter(e => e.checkVisibility()).length"
    assert chromium.run(instead) == 0
    assert chromium.run(sizes) == alone
    assert min(min(size) for size in alone) > 100


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_it_fits_the_width_there_is_and_can_be_read(chromium: Browser, tmp_path: Path, direction: str) -> None:
    drawn = inline(draw(neuron(), direction=direction))
    chromium.screen(1400, 900)
    shown_together(chromium, tmp_path, drawn, body='style="margin:0 40px"')
    for width in (1400, 900, 400):
        chromium.screen(width, 900)
        measured = chromium.run(
            """
            const svg = document.querySelector("svg"), box = svg.parentElement, text = svg.querySelector("text");
            const {width, height} = svg.viewBox.baseVal, scale = svg.clientWidth / width;
            return {page: document.documentElement.scrollWidth, svg: svg.clientWidth, natural: width,
                scrolls: box.scrollWidth > box.clientWidth, heights: svg.clientHeight / height / scale,
                letters: parseFloat(text.getAttribute("font-size")) * scale}"""
        )
        room, natural = width - 80, measured["natural"]
        assert measured["page"] == width  # nothing sticks out of the notebook
        assert measured["letters"] >= 6.9
        assert measured["heights"] == pytest.approx(1, abs=0.01)
        assert measured["svg"] == pytest.approx(max(min(room, natural), 0.58 * natural), abs=1)
        assert measured["scrolls"] == (0.58 * natural > room)


def test_a_notebook_that_is_not_trusted_shows_an_image(chromium: Browser, tmp_path: Path) -> None:
    """JupyterLab then removes style sheets, SVG and frames, but leaves text that was inside."""
    shown = inline(draw(neuron())) + frame("<p>page</p>", name="The page")
    left = re.sub(r" hidden(?!=)", "", shown)  # and attributes without a value
    left = re.sub(r"<style>.*?</style>|</?(svg|g|a|text|title|polygon|path|ellipse|iframe)\b[^>]*>", "", left)
    shown_together(chromium, tmp_path, left)
    chromium.wait("return document.querySelector('img').naturalWidth > 0")
    measured = """
    const img = document.querySelector("img"), box = img.parentElement;
    return [img.clientWidth / img.naturalWidth, img.clientHeight / img.naturalHeight, box.scrollWidth > box.clientWidth,
        document.documentElement.scrollWidth]"""
    points = 96 / 72  # the image has its size in points; 12 of them are drawn as 12 pixels, as in the picture
    for width, smallest in ((2000, 1.0), (900, 0.58), (450, 0.58)):
        chromium.screen(width, 900)
        across, up, scrolls, page = chromium.run(measured)
        assert across == pytest.approx(up, abs=0.01)
        assert 12 * across * points >= 12 * smallest - 0.1
        assert (scrolls, page) == (width == 450, width)
    assert chromium.run("return document.body.innerText").strip() == (
        "The page: trust the notebook, or run the cell, to see this page."
    )
    shown_together(chromium, tmp_path, shown)
    instead = "return [...document.querySelectorAll('img, p, div:has(>img)')]"
    assert chromium.run(f"{instead}.length") == 3
    assert chromium.run(f"{instead}.filter(e => e.checkVisibility()).length") == 0


def test_a_notebook_that_is_not_trusted_shows_formulas_as_text(chromium: Browser, tmp_path: Path) -> None:
    shown = formula(neuron())._repr_html_() or ""
    assert "<math" in shown
    left = re.sub(r"<style>.*?</style>|</?m[a-z]+\b[^>]*>", "", shown)
    shown_together(chromium, tmp_path, "<style>body pre {white-space: pre-wrap}</style>", left)
    assert chromium.run("return document.body.innerText").strip() == str(formula(neuron()))
    assert chromium.run("return getComputedStyle(document.querySelector('pre')).whiteSpace") == "pre"
    shown_together(chromium, tmp_path, shown)
    assert chromium.run("return document.querySelector('pre').checkVisibility()") is False
    assert chromium.run("return document.querySelector('math mfrac').checkVisibility()") is True


# A page --------------------------------------------------------------------------------------------------------------


def test_a_page_runs_its_scripts_apart_from_the_notebook(chromium: Browser, tmp_path: Path) -> None:
    page = "<title>\"inside\" & '</iframe>'</title><script>window.done = window.origin</script>"
    shown_together(chromium, tmp_path, frame(page, name='A "page"'))
    assert chromium.run("return document.querySelector('iframe').contentDocument") is None
    assert chromium.run("return document.querySelector('iframe').title") == 'A "page"'
    chromium.enter("iframe")
    assert chromium.run("return window.done") == "null"
    assert chromium.run("return document.title") == "\"inside\" & '</iframe>'"
    with pytest.raises(RuntimeError, match="cross-origin"):
        chromium.run("return window.parent.document.body")
    assert 'sandbox="allow-scripts allow-downloads"' in frame("", name="")
    assert html.escape(page) in frame(page, name="")


def test_the_marks_of_a_light_theme_weigh_as_much_as_those_of_a_dark_one() -> None:
    """Within :is() all selectors have the weight of the heaviest, so that an id would make all of them its own."""
    [rules] = re.findall("<style>(.*?)</style>", frame("<p>A page</p>", name="a page"))
    marks = re.findall(r":is\((.*?)\) \.autograd-\w+\{color-scheme:", rules)
    assert len(marks) == 3
    assert "#notebook-container" in marks[1]
    assert "#" not in re.sub(r":where\(.*?\)", "", "".join(marks))
