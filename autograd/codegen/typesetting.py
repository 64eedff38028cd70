r"""Typeset formulas as in a textbook: the column `latex` of the table of spellings, as LaTeX and as MathML.

A cell of the column is LaTeX in the names of the row's operands: `\frac{x}{y}`. It is read once, and printed twice: as
LaTeX that needs amsmath alone, and as MathML, which browsers show without a script. Where an operand needs parentheses
follows from where it stands in the cell.

A `Typeset` formula holds both texts and how tightly its outermost operator binds, as a `Term` holds Python's text.
Names stay names: `weight1` is the word weight with the subscript 1. What is not a name, such as a label with spaces, is
text; each character that LaTeX would read as a command is escaped, and one that LaTeX's own fonts lack is written by
its number. An operation that a user added reads as its row says.
"""

import functools
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from autograd.codegen.formulas import BARE, BINDING, LOOSE, Notation, with_sign_of_zero
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE, Op
from autograd.text import is_signed

BREAK = "\0"
"""A mark where a line may be broken: before signs and, in LaTeX, after commas. No name has this character.

Nothing is broken within an element of MathML, nor within a group of LaTeX. There what is too wide for a line is written
in another way: x / y in place of a fraction, exp(x) in place of a power.
"""

_SUM, _PRODUCT, _SIGN, _POWER = BINDING["add"], BINDING["mul"], BINDING["neg"], BINDING["pow"]
_NEVER, _FRACTION, _CALL = -1, _SIGN, _POWER  # a fraction or a call is in parentheses only below an exponent


class Typeset(NamedTuple):
    """A formula as LaTeX and as MathML, a sequence of elements; and how tightly its outermost operator binds.

    A `tall` one, as a fraction is, has tall parentheses around it; it counts the pairs inside each other, and one.
    They are as high above the middle of the line as below, so that around denominators each pair would be twice as high
    as the one inside: only a few of them are tall.
    """

    latex: str
    mathml: str
    binds: int = BARE
    tall: int = 0

    def within(self, tightest: int) -> "Typeset":
        """Return the formula as an operand of an operator that binds that tightly, in parentheses where needed."""
        return self if self.binds > tightest else fenced(self)

    @property
    def in_one_piece(self) -> "Typeset":
        """The formula where no line may be broken."""
        if BREAK not in self.latex:
            return self
        return self._replace(latex=self.latex.replace(BREAK, ""), mathml=self.mathml.replace(BREAK, ""))

    @property
    def is_wide(self) -> bool:
        """Whether it is wider than a line."""
        return len(self.mathml) > _WIDEST and columns_of(self.latex) > _WIDEST


_WIDEST = 90  # characters, about what a page has


def columns_of(latex: str) -> int:
    """Return about how many characters wide LaTeX is; what stands one above the other counts as if side by side."""
    return len(
        re.sub(r"\\[A-Za-z]+\*? ?", "x", re.sub(r"[{}^_\x00]|\\(?:left|right|mathrm|text|operatorname)", "", latex))
    )


# Marks ---------------------------------------------------------------------------------------------------------------

_FENCES = {  # by the opening one: the closing one, and both as LaTeX and as MathML
    "(": (")", "()", "()"),
    "|": ("|", (r"\lvert ", r"\rvert "), "||"),
    r"\lfloor": (r"\rfloor", (r"\lfloor ", r"\rfloor "), "⌊⌋"),
    r"\lceil": (r"\rceil", (r"\lceil ", r"\rceil "), "⌈⌉"),
}

_SIGNS = {"+": "+", "-": "−", ",": ",", ">": "&gt;", r"\times": "×", "/": "/", r"\bmod": "mod"}
_CELL = '<mtd style="text-align: left">{}</mtd>'
_MOST_TALL = 4  # pairs of parentheses inside each other
_IDENTIFIERS = {r"\sigma": "σ", "e": "e"}  # as MathML


def typeset_notation(write: Callable[[float], str]) -> Notation[Typeset]:
    """Return the notation of textbooks; `write` gives the text of a constant."""
    write = with_sign_of_zero(write)
    return Notation(lambda x: number(write(x)), operation, choice)


def fenced(inside: Typeset, fence: str = "(") -> Typeset:
    """Return a formula between parentheses, or others, as tall as it is."""
    tall = 0 < inside.tall <= _MOST_TALL and not inside.is_wide
    inside = inside.in_one_piece if tall else inside._replace(mathml=inside.in_one_piece.mathml)
    _, (left, right), marks = _FENCES[fence]
    if tall:
        left, right = rf"\left{left}", rf"\right{right}"
    stretchy = "" if tall else ' stretchy="false"'
    elements = (f'<mo form="{form}"{stretchy}>{mark}</mo>' for form, mark in zip(("prefix", "postfix"), marks))
    mathml = f"<mrow>{inside.mathml.join(elements)}</mrow>"
    return Typeset(left + inside.latex + right, mathml, BARE, inside.tall + (inside.tall > 0))


def operator(text: str) -> Typeset:
    """Return a word in upright letters, as the name of a function is."""
    latex = text if text.isascii() and text.isalnum() else rf"\text{{{_escaped(text)}}}"
    return Typeset(rf"\operatorname{{{latex}}}", f"<mi>{html.escape(text)}</mi>")


def fraction(over: Typeset, under: Typeset) -> Typeset:
    """Return one formula above another, with a line between them."""
    over, under = over.in_one_piece, under.in_one_piece
    mathml = f"<mfrac>{_row(over)}{_row(under)}</mfrac>"
    return Typeset(rf"\frac{{{over.latex}}}{{{under.latex}}}", mathml, _FRACTION, max(over.tall, under.tall, 1))


def partial(output: Typeset, x: Typeset) -> Typeset:
    """Return the derivative of one name with respect to another."""
    symbol = Typeset(r"\partial ", "<mo>∂</mo>")
    return fraction(_side_by_side([symbol, output]), _side_by_side([symbol, x]))


def choice(left: Typeset, right: Typeset, x: Typeset, y: Typeset) -> Typeset:
    """Return x where left > right, else y."""
    condition = _side_by_side([left.within(LOOSE), Typeset(" > ", "<mo>&gt;</mo>"), right.within(LOOSE)])
    return _cases(x, condition, y)


def _cases(x: Typeset, condition: Typeset, y: Typeset) -> Typeset:
    latex = rf"{x.latex} & \text{{if }} {condition.latex} \\ {y.latex} & \text{{otherwise}}"
    rows = (x.mathml, f"<mtext>if&#xa0;</mtext>{condition.mathml}"), (y.mathml, "<mtext>otherwise</mtext>")
    table = "".join(f"<mtr>{''.join(map(_CELL.format, row))}</mtr>" for row in rows)
    shown = Typeset(
        rf"\begin{{cases}}{latex}\end{{cases}}",
        f'<mrow><mo form="prefix">{{</mo><mtable>{table}</mtable></mrow>',
        LOOSE,
        max(1, x.tall, condition.tall, y.tall),
    )
    return shown.in_one_piece


def _row(x: Typeset) -> str:
    return f"<mrow>{x.in_one_piece.mathml}</mrow>"


def _side_by_side(parts: Sequence[Typeset], binds: int = BARE) -> Typeset:
    latex = functools.reduce(_joined, (part.latex for part in parts))
    return Typeset(latex, "".join(part.mathml for part in parts), binds, max(part.tall for part in parts))


def _separated(parts: Sequence[Typeset], separator: Typeset, binds: int = BARE) -> Typeset:
    """Return formulas with something between them."""
    latex = separator.latex.join(part.latex for part in parts)
    mathml = separator.mathml.join(part.mathml for part in parts)
    return Typeset(latex, mathml, binds, max((part.tall for part in parts), default=0))


# Numbers and names ---------------------------------------------------------------------------------------------------


@functools.lru_cache(1024)
def number(text: str) -> Typeset:
    r"""Return a number, given its text in a format of `text.py`.

    >>> number("-1.5e-07").latex, number("inf").latex
    ('-1.5 \\times 10^{-7}', '\\infty ')
    """
    sign, digits = text[: is_signed(text)], text[is_signed(text) :]
    if digits in ("inf", "nan"):
        word = Typeset(r"\infty ", "<mi>∞</mi>") if digits == "inf" else Typeset(r"\mathrm{nan}", "<mi>nan</mi>")
    else:
        mantissa, _, exponent = digits.partition("e")
        word = Typeset(mantissa, f"<mn>{mantissa}</mn>")
        if exponent:
            power = str(int(exponent))
            shown = f"{'<mo>−</mo>' * is_signed(power)}<mn>{power.lstrip('-')}</mn>"
            word = Typeset(
                rf"{mantissa} \times 10^{{{power}}}",
                f"{word.mathml}<mo>×</mo><msup><mn>10</mn><mrow>{shown}</mrow></msup>",
                _SIGN,
            )
    return word if not sign else Typeset(sign + word.latex, f'<mo form="prefix">−</mo>{word.mathml}', _SIGN)


_BELOW, _ABOVE = "₀₁₂₃₄₅₆₇₈₉", "⁰¹²³⁴⁵⁶⁷⁸⁹"
_AS_DIGITS = str.maketrans(_BELOW + _ABOVE, "0123456789" * 2)
_PART = re.compile(
    rf"((?:[^\W\d_{_BELOW}{_ABOVE}][\u0300-\u036f]?)+)([\d{_BELOW}]*)((?:_[^\W_]+)*)((?:\[\d+\])*)(#\d+)?"
    rf"(['′]*)([{_ABOVE}]*)"
)


@functools.lru_cache(1024)
def name(label: str) -> Typeset:
    r"""Return a name; what follows the letters is its subscript, and text that is no name stays as it is.

    >>> name("weight1").latex, name("x_hat").latex, name("layer1.w[2]").latex, name("α").latex
    ('\\mathrm{weight}_{1}', 'x_{\\mathrm{hat}}', '\\mathrm{layer}_{1}.w_{2}', '\\alpha ')
    >>> name("x₁").latex, name("σ²").latex, name("ŷ").latex
    ('x_{1}', '\\sigma ^{2}', '\\hat{y}')
    >>> name("100 %").latex, name("w\\").latex
    ('\\text{100\\ \\%}', '\\text{w\\textbackslash{}}')
    """
    found = [_PART.fullmatch(part) for part in label.split(".")]
    parts = list[Typeset]()
    for match in found:
        if match is None:
            return _verbatim(label)
        letters, digits, words, places, again, primes, above = (group or "" for group in match.groups())
        below = [*filter(None, [digits.translate(_AS_DIGITS), *words.split("_"), *re.findall(r"\d+", places), again])]
        parts.append(_with_subscripts(_letters(letters), below, primes, above.translate(_AS_DIGITS)))
    return parts[0] if len(parts) == 1 else _separated(parts, Typeset(".", "<mo>.</mo>"), _POWER)


def names_of_graph(labels: Iterable[str], ops: Iterable[Op | None]) -> dict[str, Typeset]:
    r"""Return the names of a graph, each typeset in a way of its own.

    Names that would look alike stay text, but for the first: so do w_1 beside w1, x² beside x, whose square is written
    so, and e where the notation of an operation has the constant e. One that is the name of a function there is in
    italics, as ln beside the logarithm, or as a Greek letter bold.

    Arguments:
        labels: the names.
        ops: the operations that are written with them; None for leaves.

    >>> [shown.latex for shown in names_of_graph(["w1", "w_1", "x", "x²"], []).values()]
    ['w_{1}', '\\text{w\\_1}', 'x', '\\text{x$^{2}$}']
    >>> names_of_graph(["e"], [TABLE["exp"]])["e"].latex
    '\\text{e}'
    >>> names_of_graph(["σ"], [TABLE["sigmoid"]])["σ"].latex
    '\\boldsymbol{\\sigma}'
    """
    written = {op for op in ops if op}
    cells = [_read(row.latex, row.operands) for row in (spelling_of(op) for op in written if op.built_in)]
    letters = [(part, after == "fence") for cell in cells for part, after, _ in _parts(cell) if part.kind in _LETTERS]
    taken = {part.text for part, is_called in letters if part.kind == "letter" and not is_called}  # such as e
    functions = {operator(op.name).mathml for op in written if "(" in op.reads}
    functions |= {_part(part, {}, _NEVER).mathml for part, is_called in letters if is_called}
    typeset = {label: name(label) for label in labels}
    looks = {shown.latex.strip() for shown in typeset.values()}
    for label, shown in typeset.items():
        look = shown.latex.strip()
        base, _, exponent = look.rpartition("^")
        if shown.mathml in functions:
            typeset[label] = _unlike_a_function(label, shown)
        elif look in taken or (exponent and base.strip() in looks):
            typeset[label] = _verbatim(label)
        taken.add(look)
    return typeset


def _unlike_a_function(label: str, shown: Typeset) -> Typeset:
    """Return a name in other letters than a function has: those of one letter are upright in LaTeX, not in MathML."""
    if shown.latex in _GREEK.values():
        return Typeset(rf"\boldsymbol{{{shown.latex.strip()}}}", f'<mtext style="font-weight: bold">{label}</mtext>')
    if len(label) == 1:
        return Typeset(shown.latex, f"<mtext>{label}</mtext>")
    return Typeset(rf"\textit{{{_escaped(label)}}}", f'<mtext style="font-style: italic">{html.escape(label)}</mtext>')


def _verbatim(label: str) -> Typeset:
    """Return a name as text, with all that it is written with."""
    shown = label if label.strip() else repr(label)
    return Typeset(rf"\text{{{_escaped(shown)}}}", f"<mtext>{html.escape(shown).replace(' ', '&#xa0;')}</mtext>")


def _with_subscripts(base: Typeset, below: Sequence[str], primes: str, above: str) -> Typeset:
    latex, mathml = base.latex, base.mathml
    if primes:
        mathml = f"<msup>{mathml}<mo>{'′' * len(primes)}</mo></msup>"
    if below:
        shown = [_letters(text) if text.isalpha() else _digits(text) for text in below]
        latex = f"{latex}_{{{','.join(part.latex for part in shown)}}}"
        inside = '<mo separator="true">,</mo>'.join(part.mathml for part in shown)
        mathml = f"<msub>{mathml}<mrow>{inside}</mrow></msub>"
    latex += "'" * len(primes)  # not before the subscript, after which LaTeX takes no exponent then
    if above:
        return Typeset(f"{latex}^{{{above}}}", f"<msup><mrow>{mathml}</mrow><mn>{above}</mn></msup>", _POWER)
    return Typeset(latex, mathml)


def _letters(text: str) -> Typeset:
    text = unicodedata.normalize("NFC", text)
    mathml = f"<mi>{html.escape(text)}</mi>"
    text = "".join(map(_compatible, text))
    if len(text) == 1 and text in _GREEK:
        return Typeset(_GREEK[text], mathml)
    if text.isascii():
        return Typeset(text if len(text) == 1 else rf"\mathrm{{{text}}}", mathml)
    letter, *accents = [*unicodedata.normalize("NFD", text)]
    is_one = len(accents) == 1 and not "\xc0" <= text <= _LAST_OF_LATIN_1
    if is_one and accents[0] in _MATHEMATICAL_ACCENTS and (letter.isascii() or letter in _GREEK):
        return Typeset(rf"\{_MATHEMATICAL_ACCENTS[accents[0]]}{{{_GREEK.get(letter, letter).strip()}}}", mathml)
    return Typeset(rf"\text{{{_escaped(text)}}}", mathml)


def _compatible(character: str) -> str:
    """Return what stands for a letter that LaTeX lacks: that of which it is a variant, as Python reads it in names.

    >>> _compatible("𝑥"), _compatible("\N{MICRO SIGN}") == "μ", _compatible("ϕ")
    ('x', True, 'ϕ')
    """
    if character.isascii() or character in _GREEK or character in _ESCAPES:
        return character
    letters = unicodedata.normalize("NFKC", character)
    return letters if letters.isalpha() else character


def _digits(text: str) -> Typeset:
    if text.isdecimal() and text.isascii():
        return Typeset(text, f"<mn>{text}</mn>")
    latex = rf"\mathrm{{{text}}}" if text.isalnum() and text.isascii() else rf"\text{{{_escaped(text)}}}"
    return Typeset(latex, f"<mn>{html.escape(text)}</mn>")


_GREEK = {
    letter: f"\\{word} "
    for letters, words in (
        ("αβγδζηθικλμν", "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu"),
        ("ξπρστυχψω", "xi pi rho sigma tau upsilon chi psi omega"),
        ("ΓΔΘΛΞΠΣΥΦΨΩ", "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"),
        ("εϵφϕϑςϱϖ", "varepsilon epsilon varphi phi vartheta varsigma varrho varpi"),
        ("ℓℏħ", "ell hbar hbar"),
    )
    for letter, word in zip(letters, words.split(), strict=True)
}
_MATHEMATICAL_ACCENTS = {
    "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot", "\u0308": "ddot", "\u030c": "check",
    "\u0306": "breve",
}  # fmt: skip

# What LaTeX reads as a command, or prints as something else, and what stands in its place.
_ESCAPES = {character: f"\\{character}" for character in "{}$%#_&"} | {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", " ": r"\ ", "\xa0": r"\ ",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedblright{}", "'": "'{}",
    "`": "`{}", "-": "-{}", "…": r"\ldots{}", "×": r"$\times$", "·": r"$\cdot$", "−": "$-$",
    "–": r"\textendash{}", "—": r"\textemdash{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}",
    "‘": r"\textquoteleft{}", "’": r"\textquoteright{}",
    "∂": r"$\partial$", "∞": r"$\infty$", "Ł": r"\L{}", "ł": r"\l{}", "ı": r"\i{}", "½": r"$\frac{1}{2}$",
    "°": r"$^{\circ}$", "ᵀ": "$^{T}$",
}  # fmt: skip
_ESCAPES |= {digit: f"$_{{{i}}}$" for i, digit in enumerate(_BELOW)}
_ESCAPES |= {digit: f"$^{{{i}}}$" for i, digit in enumerate(_ABOVE)}
_ESCAPES |= {
    sign: rf"$\{word}$"
    for sign, word in {
        "∑": "sum", "∏": "prod", "∫": "int", "√": "surd", "∇": "nabla", "∘": "circ", "′": "prime", "⊕": "oplus",
        "⊗": "otimes", "⊙": "odot", "⊖": "ominus", "∗": "ast", "⋅": "cdot", "÷": "div", "±": "pm", "≤": "leq",
        "≥": "geq", "≠": "neq", "≈": "approx", "→": "rightarrow", "←": "leftarrow", "∧": "wedge", "∨": "vee", "∈": "in",
        "∝": "propto", "‖": "Vert", "¬": "neg", "∥": "parallel", "⋆": "star", "•": "bullet",
    }.items()
}  # fmt: skip
_ACCENTS = {  # of text; KaTeX has them, too
    "\u0300": "\\`", "\u0301": "\\'", "\u0302": "\\^", "\u0303": "\\~", "\u0304": "\\=", "\u0306": r"\u",
    "\u0307": r"\.", "\u0308": '\\"', "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0327": r"\c",
    "\u0326": r"\c", "\u0328": r"\c",  # the comma below and the ogonek, which its own fonts lack, as the cedilla
}  # fmt: skip
_LATIN = set("ßæøœÆØŒ")
_CLUSTER = re.compile("[A-Za-z][\u0300-\u036f]|.", re.DOTALL)
_LAST_OF_LATIN_1 = "\xff"  # LaTeX knows its letters as they are


def _escaped(text: str) -> str:
    r"""Return a user's text for `\text{...}`.

    >>> _escaped("50% of größe_1 {重}")
    '50\\%\\ of\\ größe\\_1\\ \\{[U+91CD]\\}'
    """
    return "".join(map(_escaped_character, _CLUSTER.findall(unicodedata.normalize("NFC", text))))


@functools.lru_cache(1024)
def _escaped_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isascii() or character in _LATIN:
        return character
    if character in _GREEK:
        return f"${_GREEK[character].strip()}$"
    if _compatible(character) != character:
        return _escaped(_compatible(character))
    letter, *accents = [*unicodedata.normalize("NFD", character)]
    has_accent = letter.isascii() and letter.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS
    if has_accent:
        is_known = "\xc0" <= character <= _LAST_OF_LATIN_1
        return character if is_known else f"{_ACCENTS[accents[0]]}{{{letter}}}"
    return "".join(c if c.isascii() and c.isalpha() else f"[U+{ord(c):04X}]" for c in character)


# Operations ----------------------------------------------------------------------------------------------------------


def operation(op: Op, operands: Sequence[Typeset]) -> Typeset:
    r"""Return the formula of an operation.

    >>> x, y = name("x"), name("y")
    >>> operation(TABLE["div"], [operation(TABLE["add"], [x, y]), number("2")]).in_one_piece.latex
    '\\frac{x + y}{2}'
    >>> operation(TABLE["mul"], [number("-2"), operation(TABLE["sub"], [x, y])]).in_one_piece.latex
    '-2 \\times (x - y)'
    >>> operation(Op("cube({})", lambda x: x * x * x, lambda g, z, x: 3 * g * x * x), [x]).latex
    '\\operatorname{cube}(x)'
    """
    if not op.built_in:
        return _as_it_reads(op, operands)
    row = spelling_of(op)
    cell = _read(row.latex, row.operands)
    if not op.adds and not op.variadic:
        wide = {name for name, x in zip(row.operands, operands, strict=True) if x.is_wide}
        if wide & _in_groups(cell):
            cell = _read(_FLAT.get(op, row.latex), row.operands)
            if wide & _in_groups(cell):
                return _called(op.name, operands)
    if op.adds:
        return summed([_printed(cell, dict(zip(row.operands, term))) for term in zip(*op.lists(operands), strict=True)])
    if op.variadic:
        listed = [_listed(own) for own in op.lists(operands)]
        return _printed(cell, dict(zip(row.operands, listed, strict=True)))
    return _printed(cell, dict(zip(row.operands, operands, strict=True)))


def summed(terms: Sequence[Typeset]) -> Typeset:
    """Return the sum of formulas, from left to right."""
    if len(terms) < 2:
        return terms[0] if terms else number("0")
    shown = [terms[0].within(LOOSE), *(x.within(_SIGN if is_signed(x.latex) else _SUM) for x in terms[1:])]
    return _separated(shown, _sign("+"), _SUM)


def product(x: Typeset, y: Typeset) -> Typeset:
    """Return the product of two formulas, sums among them in parentheses."""
    return operation(TABLE["mul"], [x, y])


def _listed(operands: Sequence[Typeset]) -> Typeset:
    """Return operands with commas between them, where a line may be broken."""
    return _separated(operands, _sign(",")._replace(latex=f", {BREAK}"))


def _called(name: str, operands: Sequence[Typeset]) -> Typeset:
    return _side_by_side([operator(name), _APPLIED, fenced(_listed(operands))], _CALL)


def _as_it_reads(op: Op, operands: Sequence[Typeset]) -> Typeset:
    """Return the formula of a user's operation: a call, or its sign between operands, which have parentheses."""
    shown = [_listed(own) for own in op.lists(operands)] if op.variadic else [x.in_one_piece for x in operands]
    before, *between = op.reads.split("{}")
    inside = [text.strip(" ,[]") for text in between[:-1]]
    if before.rstrip(" [").endswith("(") and between and not any(inside) and between[-1].strip(" ]") == ")":
        return _called(before.rstrip(" [").removesuffix("(").strip(), shown)
    signs = [_mark(text) for text in (before, *between)]
    parts = [part for x, sign in zip([None, *shown], signs) for part in (x and x.within(_POWER), sign) if part]
    return _side_by_side(parts, LOOSE)


def _mark(text: str) -> Typeset | None:
    text = text.strip()
    return Typeset(rf"\mathbin{{\text{{{_escaped(text)}}}}}", f"<mo>{html.escape(text)}</mo>") if text else None


_APPLIED = Typeset("", "<mo>&#x2061;</mo>")  # between a function and its argument

# A cell --------------------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """A part of a cell: its kind, its text, and the rows inside it."""

    kind: str
    text: str = ""
    rows: tuple[tuple["_Part", ...], ...] = ()


_Row = tuple[_Part, ...]
_LETTERS = ("letter", "word")  # kinds
_TOKEN = re.compile(r"\\(?:operatorname|text|begin|end)\{.*?\}|\\[A-Za-z]+|\\\\|[A-Za-z]+|\d+|\S")


@functools.cache
def _read(cell: str, operands: tuple[str, ...]) -> _Row:
    r"""Return the parts of a cell.

    Raises:
        ValueError: there is something in it that is not known here.

    >>> [(part.kind, part.text) for part in _read("x + e^{y}", ("x", "y"))]
    [('operand', 'x'), ('sign', '+'), ('power', '')]
    """
    tokens: list[str] = _TOKEN.findall(cell)[::-1]

    def row(*ends: str) -> _Row:
        parts = list[_Part]()
        while tokens and tokens[-1] not in ends:
            parts.append(part(tokens.pop(), parts))
        if ends:
            after(*ends)
        return tuple(parts)

    def after(*expected: str) -> str:
        if not tokens or tokens[-1] not in expected:
            raise ValueError(f"the cell {cell!r} of the column latex lacks {expected[0]!r}")
        return tokens.pop()

    def group() -> _Row:
        after("{")
        return row("}")

    def part(token: str, before: list[_Part]) -> _Part:
        for kind, tokens_of_it in (("operand", operands), ("sign", _SIGNS), ("letter", _IDENTIFIERS)):
            if token in tokens_of_it:
                return _Part(kind, token)
        if token.startswith(r"\operatorname"):
            return _Part("word", token[len(r"\operatorname{") : -1])
        if token in ("^", "_"):
            return _Part("power" if token == "^" else "below", "", ((before.pop(),), group()))
        if token == r"\frac":
            return _Part("fraction", "", (group(), group()))
        if token == r"\sqrt":
            degree = (row("]"),) if tokens[-1] == "[" and tokens.pop() else ()
            return _Part("root", "", (group(), *degree))
        if token == r"\begin{cases}":
            rows = row("&"), row(r"\\"), row("&"), row(r"\end{cases}")
            return _Part("cases", "", rows)
        if token in _FENCES:
            return _Part("fence", token, (row(_FENCES[token][0]),))
        if token.startswith(r"\text"):
            return _Part("text", token[len(r"\text{") : -1])
        if token.isdigit():
            return _Part("digits", token)
        if re.fullmatch(r"\\[a-z]+", token):
            return _Part("word", token[1:])
        raise ValueError(f"the cell {cell!r} of the column latex has {token!r}, which typesetting.py cannot print")

    return row()


def _parts(row: _Row, *, is_inside: bool = False) -> Iterator[tuple[_Part, str, bool]]:
    """Yield the parts of a cell, each with the kind of what follows it, and True where no line can be broken."""
    for part, after in zip(row, [*(part.kind for part in row[1:]), ""]):
        yield part, after, is_inside
        for i, inner in enumerate(part.rows):
            is_group = part.kind in ("fraction", "root", "cases") or (part.kind in ("power", "below") and i > 0)
            yield from _parts(inner, is_inside=is_inside or is_group)


def _in_groups(row: _Row) -> set[str]:
    """Return the operands in a cell that stand where no line can be broken."""
    return {part.text for part, _, is_inside in _parts(row) if is_inside and part.kind == "operand"}


def _printed(row: _Row, operands: Mapping[str, Typeset]) -> Typeset:
    """Return a row of parts with these operands put in, in parentheses where needed."""
    if len(row) == 1:
        return _part(row[0], operands, _NEVER)
    shown = list[Typeset]()
    for i, part in enumerate(row):
        before, after = (row[j].text if 0 <= j < len(row) and row[j].kind == "sign" else "" for j in (i - 1, i + 1))
        if part.kind == "sign":
            shown.append(_sign(part.text, is_first=i == 0))
            continue
        is_sign = before == "-" and i == 1
        x = _part(part, operands, max(_LEFT.get(after, _NEVER), _SIGN - 1 if is_sign else _RIGHT.get(before, _NEVER)))
        if part.kind == "fence" and i > 0 and not before:
            shown.append(_APPLIED)
        shown.append(fenced(x) if before in _RIGHT and is_signed(x.latex) else x)
    return _side_by_side(shown, _binding(row))


# How tightly the operand to the left, and the one to the right, of a sign must not bind: a + b - c, a - (b + c).
_LEFT = {"+": LOOSE, "-": LOOSE, r"\times": _PRODUCT - 1, "/": _PRODUCT - 1, r"\bmod": _SIGN, ">": LOOSE}
_RIGHT = {"+": _SUM, "-": _SUM, r"\times": _PRODUCT, "/": _SIGN, r"\bmod": _PRODUCT, ">": LOOSE}

# How operations read where what stands in a group, within which no line can be broken, is wider than a line.
_FLAT = {
    TABLE["div"]: "x / y",
    TABLE["floordiv"]: r"\lfloor x / y\rfloor",
    TABLE["exp"]: r"\exp(x)",
    TABLE["expm1"]: r"\exp(x) - 1",
    TABLE["logaddexp"]: r"\ln(\exp(x) + \exp(y))",
    TABLE["sqrt"]: "x^{1 / 2}",
    TABLE["cbrt"]: "x^{1 / 3}",
    TABLE["hypot"]: "(x^{2} + y^{2})^{1 / 2}",
}


def _binding(row: _Row) -> int:
    signs = {part.text for part in row[1:] if part.kind == "sign"}
    if signs & {"+", "-"}:
        return _SUM
    if r"\bmod" in signs:  # in mathematics it has no rank among the others
        return LOOSE
    if signs & {r"\times", "/"}:
        return _PRODUCT
    return _SIGN if row[0].kind == "sign" else _CALL


def _sign(sign: str, *, is_first: bool = False) -> Typeset:
    if is_first:
        return Typeset(sign, f'<mo form="prefix">{_SIGNS[sign]}</mo>')
    if sign == ",":
        return Typeset(", ", '<mo separator="true">,</mo>')
    mark = BREAK if sign in ("+", "-", r"\times") else ""
    return Typeset(f"{mark} {sign} ", f'{mark}<mo form="infix">{_SIGNS[sign]}</mo>')


def _joined(left: str, right: str) -> str:
    """Return LaTeX side by side: a space keeps a command apart from a letter."""
    return f"{left} {right}" if re.search(r"\\[A-Za-z]+$", left) and right[:1].isalpha() else left + right


def _part(part: _Part, operands: Mapping[str, Typeset], tightest: int) -> Typeset:
    """Return a part of a cell; `tightest` is for an operand."""
    kind, text, rows = part
    if kind == "operand":
        return operands[text].within(tightest)
    if kind == "word":
        return operator(text) if text not in _FUNCTIONS else Typeset(f"\\{text}", f"<mi>{text}</mi>")
    if kind == "letter":
        return Typeset(text, f"<mi>{_IDENTIFIERS[text]}</mi>")
    if kind == "digits":
        return Typeset(text, f"<mn>{text}</mn>")
    if kind in ("power", "below"):
        [base], above = rows
        x, y = _part(base, operands, _POWER), _printed(above, operands).in_one_piece
        element, mark = ("msup", "^") if kind == "power" else ("msub", "_")
        mathml = f"<{element}>{_row(x)}{_row(y)}</{element}>"
        return Typeset(f"{x.latex}{mark}{{{y.latex}}}", mathml, _POWER, max(x.tall, y.tall))
    if kind == "fence":
        return fenced(_printed(rows[0], operands), text)
    inside = [_printed(row, operands).in_one_piece for row in rows if kind != "cases"]
    if kind == "fraction":
        return fraction(*inside)
    if kind == "root":
        x, *degree = inside
        if degree:
            latex, mathml = rf"\sqrt[{degree[0].latex}]{{{x.latex}}}", f"<mroot>{_row(x)}{_row(degree[0])}</mroot>"
            if x.latex.count(r"\sqrt[") > 1:  # LaTeX sets what is inside one four times, inside two 16 times, and so on
                latex = rf"{{}}^{{{degree[0].latex}}}\!\!\sqrt{{{x.latex}}}"
        else:
            latex, mathml = rf"\sqrt{{{x.latex}}}", f"<msqrt>{x.mathml}</msqrt>"
        return Typeset(latex, mathml, BARE, x.tall)
    value, (_, *compared), other, _ = rows  # the condition starts with "if"
    return _cases(*(_printed(tuple(row), operands) for row in (value, compared, other)))


_FUNCTIONS = {
    "arccos", "arcsin", "arctan", "cos", "cosh", "exp", "ln", "log", "max", "min", "sin", "sinh", "tan", "tanh",
}  # fmt: skip
"""Names of functions that are commands of LaTeX's."""
