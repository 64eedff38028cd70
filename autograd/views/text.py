"""How the views write in plain text: formulas with their parentheses, numbers with few digits, names of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from autograd.engine import Value
from autograd.ops import Op

# How tightly an operator holds its operands, as in Python. One that is not here, a user's own, gets parentheses.
_BINDING = {"add": 1, "sub": 1, "mul": 2, "div": 2, "neg": 3, "pow": 4}
_LOOSE, _ATOM = 0, 5
LONGEST_FORMULA = 60
"""Characters of a formula that is still read at a glance."""


class Term(NamedTuple):
    """A formula, and how tightly its outermost operator holds it together."""

    text: str
    binding: int = _ATOM

    def within(self, tightest: int) -> str:
        """The formula as an operand of something that holds as tightly as that, in parentheses where it needs them."""
        return self.text if self.binding > tightest else f"({self.text})"


def constant(text: str) -> Term:
    """A number as a term: a negative one holds as its sign does, (-2) ** x."""
    return Term(text, _BINDING["neg"] if text[0] in "-−" else _ATOM)


def formula(op: Op, operands: Sequence[Term], spelling: Callable[[str], str] = str) -> Term:
    """Return the formula of an operation on terms.

    Arguments:
        op: the operation; it says how it reads.
        operands: the formulas of its operands.
        spelling: changes the signs of an operator, as `mathematical` does.

    >>> from autograd.ops import TABLE
    >>> net = formula(TABLE["add"], [Term("x"), Term("bias")])
    >>> formula(TABLE["mul"], [constant("-2"), net]).text, formula(TABLE["tanh"], [net]).text
    ('-2 * (x + bias)', 'tanh(x + bias)')
    """
    if "(" in op.reads:
        return Term(op.read(*(x.text for x in operands)))
    binding = _BINDING.get(op.name, _LOOSE)
    held = binding or _ATOM - 1  # of an unknown operator only single names and numbers stand bare
    if len(operands) == 1:
        shown = [operands[0].within(held - 1)]
    else:
        left, *others = operands
        # Not x - (y - z) alone: float addition is not associative, and the graph has just one order.
        signed = max(held, _BINDING["neg"])
        shown = [left.within(held if op.name == "pow" else held - 1)]
        shown += [x.within(signed if x.text[0] in "-−" else held) for x in others]
    return Term(spelling(op.reads).format(*shown), binding)


def formulas(
    made: Iterable[Value], names: Mapping[Value, str], spelling: Callable[[str], str] = str
) -> dict[Value, Term]:
    """Return the formula of each Value, with those of the earlier ones among them put in; a leaf's is its name."""
    written: dict[Value, Term] = {}

    def operand(x: Value | float) -> Term:
        if isinstance(x, Value):
            return written.get(x) or Term(names[x])
        return constant(spelling(rounded(x, 6)))

    for v in made:
        written[v] = Term(names[v]) if v.op is None else formula(v.op, [operand(x) for x in v.args], spelling)
    return written


def short_formula(v: Value, names: Mapping[Value, str]) -> str:
    """Return the formula of one Value; in place of one too long for a line, such as a dot of many, its kind and size.

    >>> x = Value(2.0)
    >>> short_formula(x * x, {x: "x"})
    'x * x'
    """
    if v.op is None:
        return names[v]
    text = formulas([v], names)[v].text if len(v.args) <= LONGEST_FORMULA else ""
    return text if 0 < len(text) <= LONGEST_FORMULA else f"{v.op.symbol} of {len(v.args):,} operands"


def without_gradients(output: Value, nodes: Iterable[Value]) -> str | None:
    """Why there are no gradients of this output to show; None where there are.

    `backward()` gives the output itself its seed: where that is 0, the others are 0 too, or those of another output.
    """
    if output.grad != 0:
        return None
    if any(v.grad != 0 for v in nodes):
        return "the gradients here are those of another output: call backward() on this one first to see its own"
    return "all gradients are 0: call backward() first to see them"


def mathematical(reads: str) -> str:
    """The signs of a formula as they are printed in books: × and −.

    >>> mathematical("{} * {} - {}")
    '{} × {} − {}'
    """
    return reads.replace(" * ", " × ").replace("-", "−")


def rounded(x: float, decimals: int) -> str:
    """So many decimals and six digits at most, without the zeros at the end; small numbers keep four digits.

    >>> [rounded(x, 4) for x in (0.5, -0.0359632, 2.0, 0.00012345678, 65000.0, -0.0)]
    ['0.5', '-0.036', '2', '0.0001235', '65000', '0']
    """
    return f"{round(x, decimals) + 0.0:.6g}" if abs(x) >= 0.001 else f"{x + 0.0:.4g}"


def aligned(x: float) -> str:
    """Four decimals, as the articles print gradients; whole numbers without; small and large ones with four digits.

    >>> [aligned(x) for x in (-0.0201054, 0.0359, 3.0, 0.0, 0.00012345678, 1e9, float("nan"))]
    ['-0.0201', '0.0359', '3', '0', '0.0001235', '1e+09', 'nan']
    """
    if x == 0 or (abs(x) < 1e6 and x == int(x)):
        return f"{x + 0.0:.0f}"
    return f"{x:.4f}" if 0.001 <= abs(x) < 1e6 else f"{x:.4g}"


_LONGEST_NAME = 40


# What XML or UTF-8 cannot hold: Unicode has pictures of the control characters, the rest become its replacement
# character. Line feeds and tabs are among them: each view lets pass what means something in it.
PICTURES = {code: 0x2400 + code for code in range(0x20)}
PICTURES |= {0x7F: 0x2421} | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)


def visible(name: str) -> str:
    r"""A name on one line: what has no place in a line of text is written as Python writes it in a string.

    That is control characters, escape sequences of terminals, line feeds, marks that turn the direction of writing and
    lone surrogates. A long name loses its end.

    >>> print(visible("two\nlines, \x1b[31mred"), visible("größe"), visible("x" * 99))
    two\nlines, \x1b[31mred größe xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    """
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
