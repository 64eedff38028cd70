"""Labels that try to break out of a drawing or a page."""

from __future__ import annotations

from hypothesis import strategies as st

WHITE_SPACE = ["\n", "\t", "\r", "\n\n", " \n ", "  ", "\x0b", "\x85", "\u2028", "\u3000"]
HOSTILE = [
    'a"]; evil [label="x',
    "a|b",
    "<b>x</b>",
    "<x>",
    r"\N",
    r"\n \l \r \G \E \T \H \L",
    "trailing \\",
    "\\",
    r"\\",
    r"\"",
    '"',
    "NUL \0 in it",
    "lone \ud800 and \udfff surrogates",
    "\ufffe\uffff",
    "{}",
    "{0} {a!r} %s $x",
    "&lt;",
    "&amp;lt; &#60; &#x3c; &nosuch; & &;",
    "two\nlines",
    *WHITE_SPACE,
    "\n\nempty lines\n\nbetween\n",
    "a\r\nb\tc",
    "".join(map(chr, range(0x20))) + "\x7f\x80\x85\x9f",
    "\N{LINE SEPARATOR}\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}\N{NO-BREAK SPACE}",
    "é € \N{GRINNING FACE} \U0010ffff",
    "</text></svg><script>alert(1)</script>",
    "]]> <!-- --> <?xml?>",
    "javascript:alert(1)",
    "digraph",
    "v1 -> v2; subgraph cluster_x {",
    "// # /*",
    'charset="latin-1"',
    "  spaces   everywhere ",
    "0.5",
    "x" * 300,
]

pieces = st.sampled_from([*HOSTILE, "\\", '"', "&", ";", "<", ">", "\n", "#", "{", "|", " ", "\0", "lt;", "N"])
characters = st.characters(exclude_categories=[])  # surrogates too
labels = st.one_of(st.text(characters), st.lists(pieces | characters, max_size=5).map("".join))
