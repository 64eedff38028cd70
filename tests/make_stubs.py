"""Write the type stubs that the table of operations implies: `python tests/make_stubs.py`.

The table makes functions and methods at run time, which type checkers cannot see. A test fails when a stub is stale.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import autograd
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
    return re.split(r"(?<=\.)\s+(?=[A-Z])", op.note)[0]


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


STUBS = {PACKAGE / "__init__.pyi": package_stubs, PACKAGE / "_methods.pyi": method_stubs}

if __name__ == "__main__":
    for path, stub in STUBS.items():
        path.write_text(stub())
        print("wrote", path)
