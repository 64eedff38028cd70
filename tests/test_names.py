"""Names of nodes: given names, labels, variables of the caller, numbers; no two alike."""

from __future__ import annotations

import functools
import gc
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd import names as naming
from autograd.engine import graph_of
from autograd.names import names_of

everywhere = Value(1.0)  # a global variable of this module
both = Value(2.0)
shadowed = Value(3.0)


def listed(output: Value, names: Any = None, **options: bool) -> list[str]:
    return [*names_of(graph_of(output), names, **options).values()]


# Views call `names_of` from within the package: here `listed` stands for them.
listed.__code__ = listed.__code__.replace(co_filename=naming.__file__)


def test_labels_then_variables_then_numbers() -> None:
    x = Value(1.0, "label of x")
    y = x * Value(2.0) + 1
    assert listed(y) == ["label of x", "v2", "v3", "y"]


def test_local_variables_come_before_global_ones() -> None:
    mine = everywhere
    assert listed(mine + both) == ["mine", "both", "v3"]


def test_a_local_variable_hides_a_global_one_of_its_name() -> None:
    """`shadowed` is another Value here, so it cannot be the name of the module's one."""
    glob, shadowed = globals()["shadowed"], Value(0.0)
    assert listed(glob * shadowed) == ["glob", "shadowed", "v3"]

    def inner(glob: int = 0, shadowed: int = 0) -> list[str]:
        return listed(output)

    output = glob + 1
    assert inner() == ["v1", "output"]


def test_a_variable_bound_to_something_else_since_names_only_that() -> None:
    x = Value(1.0)
    y = x * 2
    x = Value(5.0)
    assert listed(y) == ["v1", "y"]
    x += 1
    assert listed(x) == ["v1", "x"]


def test_of_two_variables_the_one_defined_first_names_a_node() -> None:
    b = Value(1.0)
    a = b
    assert listed(a) == ["b"]


def test_names_that_begin_with_an_underscore_are_left_out() -> None:
    _ = _12 = _x = Value(1.0)
    assert listed(_x) == ["v1"]
    assert listed(_12, {"_x": _}) == ["_x"]  # unless it is given
    assert listed(_, {"_": _, "x": _}) == ["x"]


def test_elements_of_lists_are_named_and_those_of_dicts_are_not() -> None:
    xs, grid = [Value(1.0), Value(2.0)], ((Value(3.0),), [Value(4.0), 5])
    named = xs[1]
    table = {"key": Value(6.0)}
    output = xs[0] + named + grid[0][0] + grid[1][0] + table["key"]
    assert listed(output) == ["xs[0]", "named", "grid[0][0]", "grid[1][0]", "v5", "v6", "v7", "v8", "output"]
    endless: list[Any] = [Value(7.0)]
    endless.append(endless)
    assert listed(endless[0]) == ["endless[0]"]


def test_in_a_comprehension_variables_around_it_count_too() -> None:
    x = Value(1.0)
    assert [listed(x + n) for n in range(1)] == [["x", "v2"]]


def test_the_variable_of_a_comprehension_is_the_last_to_name_one() -> None:
    """In every version of Python: where a comprehension has a frame of its own, and where it has none."""
    x = Value(1.0)
    loss = x * 2
    assert [listed(v) for v in (loss,)] == [["x", "loss"]]
    assert list({tuple(listed(v)) for v in (loss,)}) == [("x", "loss")]
    assert {n: listed(v) for n, v in [(0, loss)]} == {0: ["x", "loss"]}
    assert [listed(v) for v in (x + 1,)] == [["x", "v"]]  # nobody has another name for it
    assert [[listed(a * b) for b in (x,)] for a in (Value(0.0),)] == [[["x", "a", "v3"]]]
    assert [listed(a * b) for a in (Value(0.0),) for b in (loss,)] == [["x", "loss", "a", "v4"]]
    assert [(lambda: listed(w))() for w in (loss,)] == [["x", "loss"]]  # noqa: PLC3002  # a lambda is the case
    assert [next(listed(w) for _ in range(1)) for w in (loss,)] == [["x", "loss"]]
    v = Value(3.0)
    assert [listed(v) for v in (loss,) if v is loss] == [["x", "loss"]]
    mine = v
    assert listed(mine) == ["v"]  # as it is defined before the other: outside, v is a variable like others
    assert [listed(mine) for _ in range(1)] == [["v"]]

    def given(f: Value) -> list[list[str]]:
        return [listed(g) for g in (f,)]

    assert given(loss) == [["x", "loss"]]
    assert given(x + 1) == [["x", "f"]]


@pytest.mark.parametrize("values", ["(loss,)", "[loss]", "{1: loss}.values()"])
def test_the_variable_of_a_comprehension_in_a_session_is_the_last_to_name_one(values: str) -> None:
    program = f"from autograd import *\nloss = Value(1.0) * 2\nnames = [str(to_text(v)) for v in {values}]"
    scope: dict[str, Any] = {}
    exec(program, scope)
    assert scope["names"][0].startswith("loss = ")
    exec("names = [str(to_text(v)) for v in [loss + 1]]", scope)
    assert scope["names"][0].startswith("v = ")


def test_closures_methods_lambdas_and_classes() -> None:
    x = Value(1.0)

    class Model:
        def show(self, given: Value) -> list[str]:
            return listed(given * x)

        inside = Value(2.0)
        found = listed(inside + 1)

    assert Model().show(Value(3.0)) == ["x", "given", "v3"]
    assert [*map(lambda z: listed(z + x), [Value(0.0)])] == [["x", "z", "v3"]]  # noqa: C417  # a lambda is the case
    assert Model.found == ["inside", "v2"]


def show(f: Value) -> list[str]:
    return listed(f)


def test_what_only_a_parameter_names_has_the_name_of_the_caller() -> None:
    x = Value(1.0)
    loss = x * 2
    assert show(loss) == ["x", "loss"]
    assert show(everywhere) == ["everywhere"]
    assert show(Value(1.0)) == ["f"]  # nobody has another name for it

    def outer(given: Value) -> list[str]:
        return show(given)

    assert outer(loss) == ["x", "loss"]
    assert outer(loss + 1) == ["x", "loss", "f"]  # of two parameters, the nearest

    def keywords(*values: Value, first: float = 1.0, only: Value, **more: Value) -> list[str]:
        return listed(first * values[0] * only * more["other"])

    losses = [loss, x]
    assert keywords(losses[0], only=Value(0.0), other=x) == ["x", "loss", "only", "v4", "v5", "v6"]
    assert keywords(Value(1.0), only=losses[1], other=x) == ["x", "values[0]", "v3", "v4", "v5"]


def test_a_parameter_is_one_in_the_functions_and_comprehensions_inside_its_own() -> None:
    x = Value(1.0)
    loss = x * 2

    def in_list(f: Value) -> list[str]:
        [names] = [listed(f) for _ in range(1)]
        return names

    def in_generator(f: Value) -> list[str]:
        return next(listed(f) for _ in range(1))

    def in_nested_generator(f: Value) -> list[str]:
        return next(names for names in [next(listed(f) for _ in range(1)) for _ in range(1)])

    def in_function(f: Value) -> list[str]:
        def inner() -> list[str]:
            return listed(f)

        return inner()

    def in_lambda(f: Value) -> list[str]:
        return (lambda: listed(f))()  # noqa: PLC3002  # a lambda is the case

    def in_what_it_returns(f: Value) -> Any:
        def inner() -> list[str]:
            return listed(f)

        return inner

    def of_its_own(f: Value) -> list[str]:
        total = f * 3
        [names] = [listed(total) for _ in range(1)]
        return names

    for show_it in (in_list, in_generator, in_nested_generator, in_function, in_lambda):
        assert show_it(loss) == ["x", "loss"], show_it
        assert show_it(x + 1) == ["x", "f"], show_it
    assert in_what_it_returns(loss)() == ["x", "loss"]
    assert in_what_it_returns(x + 1)() == ["x", "f"]
    assert of_its_own(loss) == ["x", "loss", "total"]
    assert next(listed(x + n) for n in range(1)) == ["x", "v2"]


def test_elements_of_a_list_that_was_passed_are_those_of_the_caller() -> None:
    weights = [Value(1.0), Value(2.0)]

    def total(ws: list[Value]) -> list[str]:
        first = ws[0]
        return listed(first + ws[1])

    assert total(weights) == ["first", "weights[1]", "v3"]
    assert total([weights[0], Value(3.0)]) == ["first", "ws[1]", "v3"]


def test_a_name_further_out_is_not_one_that_means_something_else_here() -> None:
    def inner(f: Value) -> list[str]:
        loss = Value(0.0)
        return listed(loss * f)

    loss = Value(1.0)
    assert inner(loss) == ["f", "loss", "v3"]


def test_libraries_between_the_call_and_its_caller_name_nothing(tmp_path: Path) -> None:
    x = Value(1.0)
    assert [*map(show, [x])] == [["x"]]
    assert functools.reduce(lambda total, f: [*total, *show(f)], [x], list[str]()) == ["x"]
    folder = tmp_path / "site-packages"
    scope = {"show": show, "Value": Value}
    library = "def run():\n    inside_of_a_library = Value(1.0)\n    return show(inside_of_a_library)"
    exec(compile(library, str(folder / "library.py"), "exec"), scope)
    assert scope["run"]() == ["f"]  # type: ignore[operator]


def test_in_a_session_names_are_the_session_s() -> None:
    lines = ["from autograd import Value, draw", "a = Value(1)", "a", "b = a * 2", "'b = a * 2' in draw(b).source"]
    session = subprocess.run(
        [sys.executable, "-i", "-q"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True
    )
    assert session.stdout.splitlines()[-1] == "True"


def test_in_exec_names_are_those_of_its_scope() -> None:
    program = "from autograd import *\na = Value(1.0)\nb = a * 2\nsource = draw(b).source"
    scope: dict[str, Any] = {}
    exec(program, scope)
    assert "b = a * 2" in scope["source"]


def test_without_frames_nodes_have_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "_getframe")
    x = Value(1.0)
    assert listed(x + 1) == ["v1", "v2"]


def test_asking_for_the_names_of_a_graph_does_not_keep_it() -> None:
    """Up to Python 3.12, the dictionary that a frame keeps of its variables would."""
    gc.disable()
    try:
        x = Value(1.0)
        y = x * x
        assert listed(y) == ["x", "y"]
        gone = weakref.ref(y)
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_the_users_own_dictionary_of_variables_stays() -> None:
    x = Value(1.0)
    mine = locals()
    assert listed(x) == ["x"]
    assert mine["x"] is x


def test_names_that_are_asked_for_come_before_labels() -> None:
    x, y = Value(1.0, "label"), Value(2.0)
    z = x * y
    assert listed(z, {"a": x}) == ["a", "v2", "v3"]
    assert listed(z, {x: "a", "b": y}) == ["a", "b", "v3"]
    assert listed(z, {x: ""}) == ["label", "v2", "v3"]
    assert listed(z, {}) == ["label", "v2", "v3"]
    assert listed(z, {"n": 3, "text": "t", "ys": [y]}) == ["label", "ys[0]", "v3"]
    assert listed(z, locals()) == ["x", "y", "z"]


@pytest.mark.parametrize("wrong", [["x"], "x", {3: Value(1.0)}, {Value(1.0): 3}])
def test_names_that_are_not_a_mapping_of_names_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"names (is a mapping|maps names)"):
        listed(Value(1.0), wrong)


def test_where_two_nodes_would_share_a_name_the_later_gets_a_number() -> None:
    x = Value(1.0, "w")
    y = x * Value(2.0, "w") * Value(3.0, "w#2")
    assert listed(y, {}) == ["w", "w#3", "v3", "w#2", "v5"]
    assert listed(y, {}, repeat_labels=True) == ["w", "w", "v3", "w#2", "v5"]
    w = y + 1
    assert listed(w)[-1] == "w#4"  # a label comes before a variable
    v2 = Value(0.0) * Value(0.0, "v1")
    assert listed(v2) == ["v1#2", "v1", "v2"]


@given(st.lists(st.sampled_from(["a", "a#2", "a#2#2", "a#3", "v1", "v1#2", "", None]), max_size=12))
def test_no_two_names_are_alike_and_the_first_to_have_a_label_keeps_it(labels: list[str | None]) -> None:
    nodes = [Value(0.0, label) for label in labels]
    names = names_of(nodes, {})
    assert len(set(names.values())) == len(nodes)
    for label in {label for label in labels if label}:
        assert names[nodes[labels.index(label)]] == label


def test_a_large_graph_is_named_fast() -> None:
    nodes = [Value(0.0, "same") for _ in range(100_000)]
    names = names_of(nodes)
    assert names[nodes[-1]] == "same#100000"
