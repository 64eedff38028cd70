"""Put a picture or a page into a notebook: HTML in the theme of the notebook, apart from all its other outputs.

A notebook shows HTML in its own page. So the rules of a style sheet here begin with a class that has the hash of what
is shown, and so do the ids that something refers to; an interactive page gets a frame of its own, in a sandbox.

Which theme is shown is the notebook's choice, not that of the system. Each viewer marks it in its page; the marks set
the CSS property `color-scheme`, which the colours of a picture (`light-dark()`) and the page in a frame
(`prefers-color-scheme`) follow. A page without a mark says by that property whether it is dark, or follows the system;
one that says nothing is light.

A notebook that its reader has not trusted shows no style sheet, no SVG, no MathML and no frame, but what the attribute
`hidden` is on stays hidden then: an image, or a text, takes its place. Style attributes are left there.

Pages have rules of their own for all images, SVG or tables in them, of any weight: sizes here are style attributes, and
what must be shown, or must not be, is important.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable

# Selectors of what each viewer writes into its page. A class of VS Code's light theme with high contrast is that of its
# dark one too, so the light ones come last.
_MARKS = {
    "dark": [
        '[data-jp-theme-light="false"]',  # JupyterLab 4 (apputils-extension/src/themesplugins.ts), nbconvert's template
        ".vscode-dark",  # https://code.visualstudio.com/api/extension-guides/webview#theming-webview-content
        ".vscode-high-contrast",
        'html[theme="dark"]',  # Colab: https://github.com/googlecolab/colabtools/issues/1214
        ":is(html,body).dark",  # marimo (frontend/src/theme/ThemeProvider.tsx)
        '[data-theme="dark"]',  # marimo, too, and documentation by Sphinx: furo, pydata-sphinx-theme
        ".quarto-dark",  # Quarto's HTML template
        '[data-bs-theme="dark"]',  # https://getbootstrap.com/docs/5.3/customize/color-modes
        '[data-md-color-scheme="slate"]',  # https://squidfunk.github.io/mkdocs-material/setup/changing-the-colors
    ],
    "light": [
        '[data-jp-theme-light="true"]',
        ".vscode-light",
        ".vscode-high-contrast-light",
        'html[theme="light"]',
        ":is(html,body).light",
        '[data-theme="light"]',
        ".quarto-light",
        '[data-bs-theme="light"]',
        '[data-md-color-scheme="default"]',
        ":where(#notebook-container)",  # the classic notebook, and nbviewer: there is no dark one
    ],
    "light dark": ['[data-theme="auto"]'],  # furo, which then follows the system
}

_PIXELS = 1.0  # to a point of Graphviz: its 12 points are then as large as the code of a notebook
_SMALLEST = 0.58  # of that size: letters of 7 pixels can be read; what is still too wide scrolls in its own box


def picture(svg: str, colours: Iterable[tuple[str, str]], *, name: str) -> str:
    """Return HTML that shows an SVG as wide as it is, or as the notebook's column.

    Arguments:
        svg: a picture as Graphviz writes it; if its first element is a style sheet, it is for the picture as an image.
        colours: the light colours that it may have, each with the dark one in its place; none to leave them.
        name: what it shows, for those who cannot see it.
    """
    scope = _scope(svg)
    drawn = re.sub(r"^(<svg\b[^>]*>)<style>.*?</style>", r"\1", svg[svg.index("<svg") :].strip(), flags=re.DOTALL)
    drawn = _with_ids_of(scope, drawn)
    drawn, width = _without_size(drawn)
    size = f"width:100%;max-width:{width:g}px;min-width:{width * _SMALLEST:g}px" if width else "max-width:100%"
    drawn = drawn.replace("<svg", f'<svg style="display:block;height:auto;{size}"', 1)
    rules = [
        _shown(scope, "overflow-x:auto"),
        f"@media print{{.{scope} svg{{min-width:0!important}}}}",  # paper does not scroll
    ]
    swaps = [
        f'.{scope} [{kind}="{light}"]{{{kind}:light-dark({light},{dark})}}'
        for light, dark in colours
        for kind in ("fill", "stroke")
    ]
    rules += [*_color_scheme(scope), *swaps] if swaps else []
    still = re.sub(r'<title>.*?</title>|<!--.*?-->|<a xlink:title="[^"]*">|</a>', "", svg, flags=re.DOTALL)
    image = base64.b64encode(still.encode()).decode()
    source = f"data:image/svg+xml;base64,{image}"
    instead = (
        f'<div style="overflow-x:auto"><img alt="{html.escape(name)}" style="height:auto;{size}" src="{source}"></div>'
    )
    return f'<div><style>{"".join(rules)}</style><div class="{scope}" hidden="hidden">{drawn}</div>{instead}</div>'


def typeset(shown: str, instead: str) -> str:
    """Return HTML that shows elements with MathML, of which a notebook that is not trusted would show letters alone.

    Arguments:
        shown: elements of HTML.
        instead: their text, which takes their place there.
    """
    scope = _scope(shown)
    rules = _shown(scope, "overflow-x:auto")
    # MathJax would typeset what stands between two dollar signs in a label.
    kind = f"{scope} tex2jax_ignore mathjax_ignore"
    size = "overflow-x:auto;white-space:pre"  # the lines of a table stay whole
    text = f'<pre class="tex2jax_ignore mathjax_ignore" style="{size}">{html.escape(instead)}</pre>'
    return f'<div><style>{rules}</style><div class="{kind}" hidden="hidden">{shown}</div>{text}</div>'


def frame(page: str, *, name: str) -> str:
    """Return HTML that shows a page in a frame. Its scripts run, and cannot reach the notebook, nor its token."""
    scope = _scope(page)
    size = "border:1px solid #8888;box-sizing:border-box;width:100%;resize:vertical"
    size += ";height:min(85vh,1000px);min-height:480px"
    # Where no color-scheme is set, a frame follows the system, though the page around it is light.
    rules = [
        '@property --autograd-paper{syntax:"<color>";inherits:true;initial-value:#fff}',
        f"@container style(--autograd-paper:#fff){{.{scope}{{color-scheme:light}}}}",
        _shown(scope),
        *_color_scheme(scope),
    ]
    source, title = html.escape(page), html.escape(name)
    sandbox = "allow-scripts allow-downloads"
    kind = f'class="{scope}" hidden="hidden" style="{size}"'
    shown = f'<iframe {kind} title="{title}" sandbox="{sandbox}" srcdoc="{source}"></iframe>'
    instead = f"<p>{title}: trust the notebook, or run the cell, to see this page.</p>"
    paper = "--autograd-paper:light-dark(#fff,#000)"
    return f'<div style="{paper}"><style>{"".join(rules)}</style>{shown}{instead}</div>'


def _scope(content: str) -> str:
    """Return a class of CSS for this content alone, the same on every run."""
    return f"autograd-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _shown(scope: str, style: str = "") -> str:
    """Return rules that show what is hidden without a style sheet, and hide what takes its place there."""
    return f".{scope}{{display:block!important;{style}}}.{scope}+*{{display:none!important}}"


def _color_scheme(scope: str) -> list[str]:
    return [f":is({','.join(marks)}) .{scope}{{color-scheme:{theme}}}" for theme, marks in _MARKS.items()]


def _with_ids_of(scope: str, svg: str) -> str:
    """Return the SVG with ids of its own: those that nothing refers to are left out.

    In text, Graphviz writes quotes as entities, so that these patterns are found in tags only.
    """
    referred = set(re.findall(r'="url\(#([^")]+)\)"', svg))
    svg = re.sub(r' id="([^"]*)"', lambda id: f' id="{scope}-{id[1]}"' if id[1] in referred else "", svg)
    return svg.replace('="url(#', f'="url(#{scope}-')


def _without_size(svg: str) -> tuple[str, float]:
    """Return the SVG without a size, in the shape of its `viewBox`, and its width in pixels; 0 if it is unknown."""
    size = re.match(r'<svg width="([\d.]+)pt" height="[\d.]+pt"', svg)
    return (f"<svg{svg[size.end() :]}", float(size[1]) * _PIXELS) if size else (svg, 0.0)
