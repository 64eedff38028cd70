"""Make the names of `engine.py` that the native core replaces: the class `Value`, and functions.

Python's class stays the one place for what is rare: its methods, its hints, its words. The class in C is made of it:
the same methods, but those that `core.c` has.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from autograd import hints
from autograd._native import core
from autograd.floats import number
from autograd.ops import Op

in_use = core is not None
"""True if there is a native core, and it is used."""

_ATTRIBUTES = ("data", "grad", "label", "op", "args")


def load_once(engine: Mapping[str, Any]) -> None:
    """Refuse to load the engine again, before any of its names has changed.

    Raises:
        ImportError: it has been loaded, and somebody calls `importlib.reload`, as `%autoreload` does: a second class of
            Values would not know those of the first.
    """
    if "Value" in engine:
        raise ImportError("autograd.engine cannot be loaded again, because its Values may be in use: restart Python")


def names_in_c(engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the native core has in place of names of the engine in Python."""
    in_python = engine["Value"]
    value = core.make_value(hints.WithHints)
    core.use(
        Value=in_python,
        number=number,
        operand=engine["_operand"],
        call=Op.__call__,
        graph_of=engine["graph_of"],
        announce=engine["announce"],
        recorded=engine["recorded"],
        pulled=engine["pulled"],
        on_old_graph=engine["on_old_graph"],
        acquire=engine["turn"].acquire,
        release=engine["turn"].release,
    )
    _complete(value, in_python)
    del Op.__call__  # that of the base class, in C, calls it for all that is rare
    engine["on_registration"].append(core.listen)
    names = ["new_node", "record", "replay", "graph_of", "next_order", "latest_change", "place_of_change"]
    names += ["set_data", "set_grad", "set_changed"]
    return {
        "Value": value,
        "_install": _installing(value, in_python, engine),
        "_in_turn": core.in_turn,
        "_propagate": core.propagate,
        "_get_part": core.get_part,
        "_new_result": core.new_node,
        **{name: getattr(core, name) for name in names},
    }


def _complete(value: Any, in_python: Any) -> None:
    """Give the class in C all that the class in Python has, but what is in C already."""
    in_c = {*vars(value), *in_python.__slots__, "__init__"}
    for name, x in vars(in_python).items():
        if name in _ATTRIBUTES:
            setattr(value, name, core.attribute(name, x))
        elif name == "backward":
            setattr(value, name, core.method(name, _documented(name, x, "$self, /, seed=1.0")))
        elif name not in in_c or name in ("__doc__", "__hash__"):
            setattr(value, name, x)
    value.__record__ = staticmethod(core.record)
    value.__signature__ = inspect.signature(in_python)


def _documented(name: str, method: Any, signature: str) -> str:
    """Return the documentation of a method as that of one in C: the signature, then the words."""
    return f"{name}({signature})\n--\n\n{method.__doc__}"


def _installing(value: Any, in_python: Any, engine: Mapping[str, Any]) -> Callable[[Op], None]:
    install, methods_of = engine["_install"], engine["_methods_of"]

    def install_in_c(op: Op) -> None:
        """Give `Value` an operation as a method: one of the table is in C, but for what takes arguments by name."""
        if not op.built_in:
            install(op)
            return
        core.adopt(op)
        for name, function in methods_of(op).items():
            setattr(in_python, name, function)  # which the one in C calls where the arguments are wrong
            if op.arity == 1 and name == op.name:
                (x,) = op.__signature__.parameters
                setattr(value, name, core.method(name, _documented(name, function, f"${x}, /")))
            elif name == op.name:
                setattr(value, name, function)

    return install_in_c
