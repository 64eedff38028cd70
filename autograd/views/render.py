"""Render graphs with Graphviz: colours in two themes, text that is safe in DOT, and a `Drawing`.

`Drawing` is a `graphviz.Digraph` that also works where the program `dot` is missing; `_lay_out` runs the Graphviz
libraries that `pygraphviz` carries. Text that users wrote reaches Graphviz through `label_of` and `tooltip_of` only.
"""

import functools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import graphviz

from autograd.errors import GraphvizNotFound
from autograd.files import check_writable, is_stream, named_file, path_text, write_whole
from autograd.text import STAND_INS, encodable, width
from autograd.views.fonts import warn_if_replaced
from autograd.views.inline import picture
from autograd.views.pdf import fonts, without_date
from autograd.views.sized import Paper, paper

_SVG, _HTML = "image/svg+xml", "text/html"
_DOT = {".gv", ".dot"}
_PICTURE_FORMATS = {"svg", "png", "pdf", "jpg", "jpeg", "gif", "ps", "eps", "webp"}
# Characters of a line of text, of which a box has one or two that users wrote, as has a caption, and a tooltip up to
# three. Graphviz 2.43 refuses strings of more than 16,384 bytes, and a character has up to five.
LONGEST_LABEL, LONGEST_CAPTION, LONGEST_TOOLTIP = 100, 400, 1000
_GRAPHVIZ_TIMEOUT = 60.0  # seconds; drawings of up to 200 nodes take a few at most

FONT = "Courier"
"""The font of drawings, whose widths all layout engines agree on, whichever stands in for it."""

# Colours ------------------------------------------------------------------------------------------------------------

# A blue and an orange that colour-blind people can tell apart, and greys. No two uses share a light colour, because the
# style sheet finds a use by it. Text has a contrast of at least 4.5 to 1 in both themes (WCAG 2.2, 1.4.3).
_COLOURS = {  # light, dark
    "paper": ("#ffffff", "#0d1117"),
    "ink": ("#1b1f24", "#e6edf3"),
    "faint": ("#57606a", "#9da7b3"),  # text that matters less
    "leaf": ("#e6e6e6", "#323a45"),
    "result": ("#fdfdfd", "#171d26"),
    "output": ("#ffffcc", "#45401a"),
    "neuron": ("#eef4f9", "#1a2837"),
    "layer": ("#f6f7f8", "#12181f"),
    "frame": ("#d0d7de", "#3d444d"),  # around a layer
    "neither": ("#999999", "#7d8590"),
    "positive": ("#67a9cf", "#67a9cf"),
    "negative": ("#f1a340", "#f1a340"),
}
_BOTH_COLOURS = [(light, dark) for light, dark in _COLOURS.values() if light != dark]
THEMES = ("auto", "light", "dark")
PLACED = "nop2"  # the engine of Graphviz that leaves everything where it is
_PLACES = re.compile(r"^\s*(subgraph\b.*\{|\})\s*$|\b(pos|bb)=")  # in a statement of a drawing for that engine
BOTH_THEMES = "themes"  # the class of a graph whose SVG is light or dark as its reader's system


def palette(theme: str) -> dict[str, str]:
    """Return the colour of each use; "auto" has the light ones, which a style sheet can replace."""
    return {use: colours[theme == "dark"] for use, colours in _COLOURS.items()}


def _with_both_themes(svg: str) -> str:
    """Add CSS that replaces the light colours of a picture by the dark ones where the reader's system is dark."""
    rules = [
        f'.{BOTH_THEMES} [{kind}="{light}"]{{{kind}:{dark}}}'
        for light, dark in _BOTH_COLOURS
        for kind in ("fill", "stroke")
    ]
    style = f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"
    return re.sub(r"<svg\b[^>]*>", lambda tag: tag[0] + style, svg, count=1)


# Text ----------------------------------------------------------------------------------------------------------------

_DRAWABLE = {code: shown for code, shown in STAND_INS.items() if chr(code) != "\n"}  # it starts a new line here too


def _escaped(text: str, backslash: str) -> str:
    """Return DOT that shows `text` unchanged: Graphviz would read escape sequences and HTML entities in it."""
    return text.translate(_DRAWABLE).replace("&", "&amp;").replace("\\", backslash)


def label_of(lines: Iterable[str], *, centred: bool = False, longest: int = LONGEST_LABEL) -> str:
    """Return the DOT of a label that shows the lines, flush left or centred; very long ones are cut."""
    lines = "\n".join(shortened(line, longest) for line in lines).split("\n")  # a title may have several
    # An empty line crashes the Graphviz in pygraphviz 2.0.4, more often than not, so it gets a space.
    shown = [_escaped(line or " ", r"\\") for line in lines]
    return cast(str, graphviz.nohtml(r"\n".join(shown) if centred else "".join(line + r"\l" for line in shown)))


_MONOSPACED = re.compile(r"courier|mono|consol|menlo|fixed|typewriter|code", re.IGNORECASE)
_WIDEST, _NARROW = re.compile(r"[MWmw@%]"), re.compile(r"[fijlrtI .,:;!|()\[\]'-]")
# Columns of the widest letters, of capitals, of narrow letters, and of others: as wide as DejaVu Sans and Verdana.
_WIDTHS = 1.6, 1.3, 0.7, 1.03
_HEAVY, _HEAVIER = re.compile(r"bold|black|heavy|wide|extended", re.IGNORECASE), 1.15


def size_of_label(label: str, font: str = FONT) -> tuple[float, int]:
    r"""Return the columns and the lines of a label as a drawing shows it.

    A column is as wide as a letter of a monospaced font. In another one, letters are of several widths, which depend on
    the font that the reader has; then this is an upper bound.

    >>> size_of_label(label_of(["loss = a & b", "\\"])), size_of_label("12")
    ((12, 2), (2, 1))
    >>> size_of_label("LOSS", "Helvetica")
    (5.2, 1)
    """
    lines = re.split(r"\\[nlr]|\n", label.replace(r"\\", "/"))
    columns: Callable[[str], float] = width if _MONOSPACED.search(font) else _columns_at_most
    widest = max(columns(line.replace("&amp;", "&")) for line in lines)
    heavier = _HEAVIER if columns is not width and _HEAVY.search(font) else 1
    return widest * heavier, len(lines) - (not lines[-1])


def _columns_at_most(line: str) -> float:
    """Return how many columns a line of a proportional font is wide, at most."""
    widest, capital, narrow, other = _WIDTHS
    total = 0.0
    for letter in line:
        if _WIDEST.match(letter):
            factor = widest
        elif _NARROW.match(letter):
            factor = narrow
        else:
            factor = other if letter.islower() or letter.isdigit() else capital
        total += width(letter) * factor
    return total


def tooltip_of(lines: Iterable[str]) -> str:
    """Return the DOT of a tooltip that shows the lines; very long ones are cut."""
    text = "\n".join(shortened(line, LONGEST_TOOLTIP) for line in lines)
    text = _escaped(text, r"\\\\")  # both 2.43 and 14.1 read the escape sequences of a tooltip twice
    return cast(str, graphviz.nohtml(text.replace("\n", r"\n")))


_LONG_RUN = re.compile(r"(\\{20})\\+")  # of backslashes: graphviz would quote them in quadratic time


def shortened(text: str, most: int) -> str:
    r"""Return the text of a line as a drawing shows it: cut to that many characters, as a long run of backslashes is.

    >>> shortened("computation", 8), shortened("\\" * 20, 99) == "\\" * 20
    ('computa…', True)
    """
    if "\\" in text:  # rarely
        text = _LONG_RUN.sub(r"\1…", text)
    return text if len(text) <= most else text[: most - 1] + "…"


# Layout --------------------------------------------------------------------------------------------------------------


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # its base has no types
    """A `graphviz.Digraph` that renders with the program `dot`, or else with the Graphviz libraries in pygraphviz.

    Everything that a Digraph has works with both: `.source`, `.save()`, `.pipe()`, `.render()`, `.view()`. (Only
    `.unflatten()` needs a program of Graphviz.) A notebook shows the picture, or text that says what to install.

    Raises, when it renders:
        GraphvizNotFound: neither of the two is installed. It is a `graphviz.ExecutableNotFound`.
        graphviz.CalledProcessError: Graphviz refused, or crashed, as it may on rare formats.
        TimeoutError: the layout took pygraphviz more than a minute.
    """

    def __repr__(self) -> str:
        return '<Drawing: .view() opens it, .render("graph.svg") writes it, .source is its DOT text>'

    def __str__(self) -> str:
        """Return the DOT text as standard output can encode it, with references to characters that it lacks.

        Graphviz reads these, `&#945;`, as the characters. `.source` and the files have the characters themselves.
        """
        return encodable(self.source, "xmlcharrefreplace")

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Return the picture as an image, and as HTML in the theme of the notebook. (marimo includes nothing: all.)"""
        asked = set(include or ())
        try:
            bundle = cast(dict[str, Any], super()._repr_mimebundle_(asked or None, **options))
            if _HTML in asked or (_SVG in bundle and not asked):  # no SVG after graphviz.set_jupyter_format("png")
                svg = bundle.get(_SVG) or self.pipe(format="svg", encoding="utf-8")
                colours = _BOTH_COLOURS if self._follows_the_reader("svg") else []
                bundle[_HTML] = picture(svg, colours, name=self.name or "graph")
        except Exception as error:  # any: a notebook should not show a traceback for a display
            return {"text/plain": str(error)}
        return {kind: data for kind, data in bundle.items() if kind not in set(exclude or ())}

    def __iter__(self, *arguments: Any, **options: Any) -> Iterator[str]:
        """Yield the lines of the DOT text.

        If something without a place was added to a drawing whose things have theirs, Graphviz places all anew.
        """
        if self.graph_attr.get("layout") == PLACED and not all(map(_PLACES.search, self.body)):
            del self.graph_attr["layout"]
        return cast(Iterator[str], super().__iter__(*arguments, **options))

    def render(
        self, filename: Any = None, *arguments: Any, width_cm: Any = None, dpi: Any = None, **options: Any
    ) -> str:
        """Write the picture and return its path: `render("loss.svg")`, or as `graphviz.Digraph.render` is called.

        A filename with the suffix of a picture format is the name of the picture. It is written whole or not at all,
        without a DOT file beside it.

        Arguments:
            width_cm: the width of the picture on paper, as a journal asks for it; the text and the lines grow or shrink
                with it. For .pdf, .svg, .eps, .ps, .png and .jpg.
            dpi: the resolution of a .png or .jpg; 300 if it has a width, else Graphviz's.

        Raises, besides those of the class:
            OSError: the file cannot be written, or is read-only.
            ValueError: the format has no width or no resolution, or the number is out of range.
        """
        if filename is not None:
            filename = named_file(filename)
            if not filename:
                check_writable(filename)
        if width_cm is not None or dpi is not None:
            return self._render_whole(filename, width_cm, dpi, **options)
        suffix = Path(filename).suffix.removeprefix(".").lower() if filename is not None else ""
        if suffix in _PICTURE_FORMATS and not arguments and "format" not in options and "outfile" not in options:
            folder = options.pop("directory", None) or self.directory or ""
            return self._render_picture(Path(folder, filename), suffix, **options)
        stream = options.get("outfile") if filename is None else filename
        if stream is not None and is_stream(stream) and not arguments:  # a DOT file has no place beside it
            for name in ("outfile", "directory"):
                options.pop(name, None)
            format = options.pop("format", None) or Path(stream).suffix.removeprefix(".") or self.format
            return self._render_picture(Path(stream), format, **options)
        return cast(str, super().render(filename, *arguments, **options))

    def _render_whole(
        self, filename: Any, width_cm: Any, dpi: Any, format: str | None = None, directory: Any = None, **options: Any
    ) -> str:
        """Render a picture, of a given size if there is one; `format` is that of a filename without a suffix of one."""
        path = Path(directory or self.directory or "", filename or self.filename)
        suffix = path.suffix.removeprefix(".").lower()
        if suffix not in _PICTURE_FORMATS or format not in (None, suffix):
            suffix = format or self.format
            path = path.with_name(f"{path.name}.{suffix}")
        if width_cm is None and dpi is None:
            return self._render_picture(path, suffix, **options)
        size = paper(suffix, width_cm, dpi)
        drawing = self.copy()
        drawing.graph_attr.update(size.attributes())
        return cast(str, drawing._render_picture(path, suffix, size=size, **options))

    def view(
        self,
        filename: Any = None,
        directory: Any = None,
        cleanup: bool = False,
        quiet: bool = False,
        quiet_view: bool = False,
        *,
        format: str | None = None,
        width_cm: Any = None,
        dpi: Any = None,
    ) -> str:
        """Write the picture, open it as the system does, and return its path.

        Without a filename it is written into the system's folder for temporary files: none is left in yours.

        Arguments:
            filename, directory, cleanup, quiet, quiet_view: as for `graphviz.Digraph.view`, but a DOT file is written
                beside the picture only if it is named: `view("loss.gv")`. Another name without the suffix of a picture
                format gets that of `format`.
            format: the picture's, such as "png"; by default the drawing's.
            width_cm, dpi: as for `render`.

        Raises:
            OSError, ValueError: as `render`.
        """
        if filename is not None:
            filename = named_file(filename)
        elif not directory:
            filename = Path(tempfile.mkdtemp(prefix="scalar-autograd-"), f"drawing.{format or self.format}")
        options = {"directory": directory, "view": True, "quiet": quiet, "quiet_view": quiet_view}
        if filename is not None and Path(filename).suffix in _DOT and not cleanup and (width_cm, dpi) == (None, None):
            return cast(str, super().render(filename, format=format, **options))
        return self._render_whole(filename, width_cm, dpi, format, **options)

    def _render_picture(
        self,
        path: Path,
        format: str,
        *,
        size: Paper | None = None,
        view: bool = False,
        quiet_view: bool = False,
        cleanup: bool = True,
        raise_if_result_exists: bool = False,
        overwrite_source: bool = False,
        **options: Any,
    ) -> str:
        """Render to a path; `cleanup` and `overwrite_source` are about a DOT file, and there is none."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_free(path, raise_if_result_exists)
        content = self.pipe(format, **options)
        write_whole(path, size.written_into(content) if size else content)
        if view or quiet_view:
            graphviz.view(path, quiet=quiet_view)
        return str(path)

    def save(self, filename: Any = None, directory: Any = None, *, skip_existing: bool | None = False) -> str:
        """Write the DOT text and return its path, as `graphviz.Digraph.save` does, but whole or not at all.

        Raises:
            OSError: the file cannot be written, or is read-only.
        """
        if filename is not None:
            self.filename = named_file(filename)
        if directory is not None:
            self.directory = directory
        path = Path(self.filepath)
        if not (skip_existing and path.exists()):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self.source.encode(self.encoding or "utf-8"))
        return str(path)

    # render() and pipe() of graphviz.Digraph run `dot` through the three methods below.

    def _render(
        self,
        engine: str,
        format: str,
        filepath: str,
        *,
        outfile: Any = None,
        raise_if_result_exists: bool = False,
        overwrite_filepath: bool = False,
        **options: Any,
    ) -> str:
        """Write the picture where `dot` would, but whole or not at all, and never over a read-only file."""
        suffixes = [part for part in (options["formatter"], options["renderer"], format) if part]
        path = Path(outfile or ".".join([filepath, *suffixes]))
        _check_free(path, raise_if_result_exists)
        if not overwrite_filepath and path.resolve() == Path(filepath).resolve():
            raise ValueError(
                f"outfile '{path_text(path)}' is the DOT file itself: pass overwrite_source=True to replace it"
            )
        try:
            with tempfile.TemporaryDirectory() as folder:
                picture = Path(folder, f"picture.{format}")
                super()._render(engine, format, filepath, outfile=picture, **options)
                content = picture.read_bytes()
        except graphviz.ExecutableNotFound:
            content = _lay_out(self.source, engine, format, **options)
        write_whole(path, self._finished(content, format, **options))
        return str(path)

    def _pipe_lines(self, engine: str, format: str, lines: Iterator[str], **options: Any) -> bytes:
        try:
            piped: bytes = super()._pipe_lines(engine, format, lines, **options)
        except graphviz.ExecutableNotFound:
            piped = _lay_out(self.source, engine, format, **options)
        return self._finished(piped, format, **options)

    def _pipe_lines_string(self, engine: str, format: str, lines: Iterator[str], **options: Any) -> str:
        try:
            piped: str = super()._pipe_lines_string(engine, format, lines, **options)
        except graphviz.ExecutableNotFound:
            piped = _lay_out(self.source, engine, format, **options).decode(options["encoding"])
        return self._finished(piped.encode(), format, **options).decode()

    def _finished(self, picture: bytes, format: str, **options: Any) -> bytes:
        """Return what Graphviz made, in both themes and without a date, and warn of its font."""
        font = self.graph_attr.get("fontname", FONT)
        if font != FONT:
            warn_if_replaced(font, _fonts_for(font, shutil.which("dot")))
        if self._follows_the_reader(format, **options):
            picture = _with_both_themes(picture.decode()).encode()
        return without_date(picture)

    def _follows_the_reader(self, format: str, *, renderer: str | None = None, **_: Any) -> bool:
        """Return True for an SVG in which a style sheet chooses the colours."""
        return format == "svg" and renderer in (None, "svg") and self.graph_attr.get("class") == BOTH_THEMES


@functools.lru_cache
def _fonts_for(font: str, dot: str | None) -> list[str]:
    """Return the fonts that Graphviz writes in, asked for one: those in a PDF, which both layout engines can make."""
    sample = graphviz.Digraph()
    sample.node("Aa", fontname=font)
    try:
        pdf = sample.pipe("pdf") if dot else _lay_out(sample.source, "dot", "pdf")
    except Exception:  # any: a Graphviz without PDF has just made the picture
        return []
    return fonts(pdf)


def _check_free(path: Path, raise_if_result_exists: bool) -> None:
    """Check, before a layout that may take long, that a picture may be written to this path."""
    if raise_if_result_exists and path.exists():
        raise graphviz.FileExistsError(f"output file exists: '{path_text(path)}'")
    check_writable(path)


_HOW_TO_GET_GRAPHVIZ = """Install one of the two:
  its libraries, with pip:  pip install pygraphviz
  the program dot:          apt install graphviz, brew install graphviz,
                            winget install graphviz, or conda install graphviz
Without them, .source is the drawing as DOT text."""

# pygraphviz runs in a child process: Graphviz is C code that may end its process, or take very long. from_string(),
# because AGraph(string=...) searches the text, labels included, for a charset to encode it in.
_CHILD = """
import sys
try:
    from pygraphviz import AGraph
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
engine, format = sys.argv[1:]
try:
    graph = AGraph().from_string(sys.stdin.buffer.read().decode())
    picture = graph.draw(prog=engine, format=format)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.stdout.buffer.write(picture)
"""


def _lay_out(
    source: str, engine: str, format: str, *, renderer: str | None = None, formatter: str | None = None, **_: Any
) -> bytes:
    """Render DOT with pygraphviz, in a child process."""
    arguments = [engine, ":".join(part for part in (format, renderer, formatter) if part)]
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", _CHILD, *arguments],  # -P: do not import a user's random.py
            input=source.encode(),
            capture_output=True,
            check=False,
            timeout=_GRAPHVIZ_TIMEOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows, no console flashes up
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(
            f"Graphviz did not finish within {_GRAPHVIZ_TIMEOUT:g} seconds: draw a smaller graph"
        ) from None
    complaint = child.stderr.decode(errors="replace").strip()  # after a success it is noise, such as Fontconfig's
    if child.returncode == 3:  # from _CHILD: it is not installed, or a library that it needs is missing
        raise GraphvizNotFound(f"no Graphviz found (no program dot; pygraphviz: {complaint}). {_HOW_TO_GET_GRAPHVIZ}")
    if child.returncode:
        complaint = f"{complaint}\nformats that work everywhere: svg, png, pdf".strip()
        raise graphviz.CalledProcessError(child.returncode, ["pygraphviz", *arguments], child.stdout, complaint)
    return child.stdout


# Where many long edges cross (a leaf with 80 uses), Graphviz would search for the best layout for minutes; this makes
# it stop early. Labels on edges double the ranks, so a graph whose edges span more ranks than this gets no room for
# them.
PATIENCE = {"nslimit": "4", "nslimit1": "4", "mclimit": "0.5"}
MOST_RANKS_SPANNED = 1500


def ranks_spanned(boxes: int, edges: Sequence[tuple[int, int]]) -> int:
    """Return the number of ranks that all edges together span.

    Each box has the lowest rank that it can have, a leaf the one before its first use. (Ranks are Graphviz's word for
    the columns of a layout from left to right.)

    Arguments:
        boxes: the number of boxes.
        edges: tail and head, as numbers of boxes; sorted by head.
    """
    rank, first_use = [0] * boxes, [boxes] * boxes
    for tail, head in edges:
        rank[head] = max(rank[head], rank[tail] + 1)
    for tail, head in edges:
        first_use[tail] = min(first_use[tail], rank[head])
    return sum(rank[head] - (rank[tail] or first_use[tail] - 1) for tail, head in edges)
