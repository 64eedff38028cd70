"""Write what the table of operations implies: type stubs, and the page of operations: `python tests/make_stubs.py`.

The table makes functions and methods at run time, which type checkers cannot see. A test fails when a file is stale.
"""

from __future__ import annotations

import ast
import inspect
import re
from math import inf
from pathlib import Path
from textwrap import wrap
from typing import Any

import autograd
from autograd.activations import is_activation
from autograd.ops import TABLE, Op
from autograd.ufuncs import METHODS

ROWS = [op for op in TABLE.values() if op.built_in]
PACKAGE = Path(autograd.__file__).parent
HEAD = "# Generated from the table of operations by tests/make_stubs.py: do not edit.\n"


def method_stubs() -> str:
    """Return `_methods.pyi`: a class with every method that the table gives to a Value."""
    lines = [
        HEAD + "from math import inf\nfrom typing import Any\n",
        "from autograd.engine import Value\n",
        "class OperationMethods:",
    ]
    for op in ROWS:
        if not op.variadic:
            for name, operands in methods(op):
                body = " ..." if name.startswith("__") else f'\n        """{summary(op)}"""'
                lines.append(f"    def {name}({', '.join(operands)}) -> Value:{body}")
    for name, op in METHODS.items():
        if name not in TABLE and not op.variadic:
            lines.append(f"    def {name}({', '.join(methods(op)[0][1])}) -> Value: ...  # as NumPy calls {op.name}")
    divmods = ("__divmod__", "__rdivmod__")
    lines += [f"    def {name}(self, other: Any, /) -> tuple[Value, Value]: ..." for name in divmods]
    lines.append("    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any: ...")
    return "\n".join(lines) + "\n"


def summary(op: Op) -> str:
    """Return what an operation is, in words: the first sentence of its note."""
    return sentences(op)[0]


def sentences(op: Op) -> list[str]:
    return re.split(r"(?<=\.)\s+(?=[A-Z])", op.note, maxsplit=1)


OPERATIONS = """\
# Operations

Written by `python tests/make_stubs.py` from the [table of operations](../autograd/ops.py): do not edit.

Each is a function, `autograd.tanh(x)`, of numbers and of Values, and a method of a Value, `x.tanh()`, with the other
operands as arguments; those of lists are functions alone. *At* has what it gives for -inf, 0 and inf, and
the *gradient* there, for operations of one operand (others have their defaults). No operation raises: where a result
does not exist, it is nan. [Recipes](recipes.md) are functions made of these; [your own](guide.md#your-own-operation) is
one row more.

{table}

## Activations by name

A network takes these by name, `nn.MLP(2, [16, 1], activation="gelu")`, in whatever way it is written (`"GELU"`,
`"Leaky ReLU"`), and `"linear"` for none; also `"swish"` for silu and `"logistic"` for sigmoid. A function of a Value
does as well.

{activations}
"""


def operations_page() -> str:
    """Return `operations.md`: every operation with its formula and its edges."""
    head = ("write", "what it is", "edges", "at -inf, 0, inf", "gradient there")
    rows = [" | ".join(head), "|".join("---" for _ in head)]
    for op in ROWS:
        first, *rest = sentences(op)
        words = [cell.replace("*", r"\*") for cell in (first, *(rest or [""]))]
        cells = [f"`{written(op)}`", *words, *at_edges(op)]
        rows.append(" | ".join(cell.replace("|", r"\|") for cell in cells))
    named = ", ".join(f"`{op.name}`" for op in ROWS if is_activation(op))
    return OPERATIONS.format(
        table="\n".join(f"| {row} |" for row in rows), activations="\n".join(wrap(f"{named}.", 120))
    )


def written(op: Op) -> str:
    """Return a call of an operation, or the expression with its operator, and the call."""
    call = f"{op.name}{inspect.signature(op)}"
    operator = op.read(*inspect.signature(op).parameters) if op.method and not op.variadic else op.name
    return call if operator.startswith(op.name) else f"{operator}`, `{call}"


def at_edges(op: Op) -> tuple[str, str]:
    """Return an operation's results at -inf, 0 and inf, and its gradients there."""
    if not op.unary:
        return "", ""
    others = [p.default for p in inspect.signature(op).parameters.values()][1:]
    points = [(x, *others) for x in (-inf, 0.0, inf)]
    results = [op(*xs) for xs in points]
    gradients = [op.pulls(1.0, z, *xs)[0] for z, xs in zip(results, points)]
    return ", ".join(map(number, results)), ", ".join("none" if g is None else number(g) for g in gradients)


def number(x: float) -> str:
    return f"{x + 0.0:.6g}"  # no -0


def methods(op: Op) -> list[tuple[str, list[str]]]:
    others = list(inspect.signature(op).parameters.values())[1:]
    found = [(op.name, ["self", *(f"{x.replace(annotation=Any)}".replace("typing.", "") for x in others)])]
    if op.method:
        found.append((op.method, ["self", *(f"{other.name}: Any, /" for other in others)]))
        if others:
            found.append((op.method.replace("__", "__r", 1), ["self", "x: Any, /"]))
    return found


def package_stubs() -> str:
    """Return `__init__.pyi`: the public names, with the operations."""
    source = ast.parse((PACKAGE / "__init__.py").read_text())
    lines = [HEAD]
    for node in source.body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("autograd"):
            # Without __getattr__, by which every name would do.
            names = [f"{alias.name} as {alias.name}" for alias in node.names if not alias.asname]
            lines += [f"from {node.module} import {', '.join(names)}"] * bool(names)
    lines += [f"from autograd.ops import {op.name} as {op.name}" for op in ROWS]
    return "\n".join([*lines, "", "__version__: str", f"__all__ = {autograd.__all__!r}".replace("'", '"')]) + "\n"


STUBS = {
    PACKAGE / "__init__.pyi": package_stubs,
    PACKAGE / "_methods.pyi": method_stubs,
    Path(__file__).parent.parent / "docs" / "operations.md": operations_page,
}

if __name__ == "__main__":
    for path, stub in STUBS.items():
        path.write_text(stub())
        print("wrote", path)
