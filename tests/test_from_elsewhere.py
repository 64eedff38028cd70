"""What the pages From HIPS autograd and From JAX say to write runs, and does what the other engine does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import array_module

import autograd
from autograd import Value, grad, nn, optim
from autograd.hints import FUNCTIONS, NETWORKS, OPTIMIZERS, PACKAGE, RECIPES

DOCS = Path(__file__).parent.parent / "docs"
inf, nan = math.inf, math.nan


def rows_of(page: str, head: str) -> list[tuple[str, ...]]:
    """Return the cells of the table whose first line is this one."""
    text = (DOCS / page).read_text(encoding="utf-8").split(f"{head}\n")[1]
    table = text.partition("\n\n")[0].splitlines()[1:]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table]


def codes_of(cell: str) -> Iterator[str]:
    yield from re.findall(r"`([^`]+)`", cell)


# ------------------------------------------------------------------------------------------------ names, where imported


@pytest.mark.parametrize(
    ("module", "names"),
    [(autograd, {**FUNCTIONS, **RECIPES, **PACKAGE}), (nn, NETWORKS), (optim, OPTIMIZERS)],
    ids=["autograd", "nn", "optim"],
)
def test_an_import_says_what_an_attribute_says(module: Any, names: dict[str, str]) -> None:
    for name in names:
        with pytest.raises(AttributeError) as of_attribute:
            getattr(module, name)
        with pytest.raises(ImportError) as of_import:
            exec(f"from {module.__name__} import {name}", {})
        advice = str(of_attribute.value).removeprefix(f"module '{module.__name__}' has no attribute '{name}'")
        assert advice.startswith(": ") and of_import.value.name == module.__name__
        assert str(of_import.value) == f"cannot import name '{name}' from '{module.__name__}'{advice}"


def test_other_names_and_modules_are_imported_as_ever() -> None:
    with pytest.raises(ImportError, match=r"^cannot import name 'tahn' from 'autograd' \(.*\)$"):
        exec("from autograd import tahn", {})
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'autograd\.numpy'$"):
        exec("import autograd.numpy as np", {})
    namespace: dict[str, Any] = {}
    exec("from autograd import engine, nn as networks, views; from autograd.nn import Layer", namespace)
    assert namespace["networks"] is nn and namespace["Layer"] is nn.Layer
    assert not hasattr(autograd, "jacrev") and getattr(autograd, "pi", None) is None


# ------------------------------------------------------------------------------------------- tests of numbers, for both


def test_a_test_of_a_number_runs_for_floats_and_for_values() -> None:
    tests = {
        theirs: [*codes_of(ours)]
        for theirs, ours in rows_of("from-hips.md", "| HIPS autograd | here, of a Value or a float |")
    }
    pairs = [pair for theirs, ours in tests.items() for pair in zip(codes_of(theirs), ours, strict=False)]
    assert len(pairs) >= 8
    for theirs, ours in pairs:
        condition = re.sub("^if (.*):$", r"bool(\1)", theirs), re.sub("^if (.*):$", r"bool(\1)", ours)
        for x in (0.0, -0.0, 1.0, 2.0, -3.0, 1.0 + 1e-10, inf, -inf, *([nan] if "if" not in theirs else [])):
            names = {"np": np, "math": math}
            expected = eval(condition[0], names, {"x": x})
            for number in (x, Value(x)):
                assert eval(condition[1], names | {"x": number}) == expected, (ours, number)
    for name, instead in (("isnan", "not x <="), ("isinf", "abs(x) >="), ("isfinite", "-math.inf < x <")):
        assert f"{instead} math.inf of what may be either" in PACKAGE[name]


def test_the_errors_say_what_runs_for_floats_and_for_values() -> None:
    functions: list[tuple[Any, str, str]] = [
        (lambda x: 1.0 if x == 0 else x * 2, "x == 0", "0 <= x <= 0"),
        (lambda x: x * 2 if x != 0 else 1.0, "x == 0", "0 <= x <= 0"),
        (lambda x: x * 2 if x else 1.0, "if x`", "`if x < 0 or x > 0`"),
        (lambda x: x and x * 2, "if x`", "`if x < 0 or x > 0`"),
    ]
    for f, theirs, ours in functions:
        with pytest.raises(TypeError) as caught:
            grad(f)(1.0)
        said = str(caught.value).replace("v", "x")
        assert re.search(f"{re.escape(ours)} in place of `?{re.escape(theirs)}", said), said


# ------------------------------------------------------------------------------------------ the tables of what to write


def test_what_to_write_in_place_of_hips_autograds_runs() -> None:
    def f(x: Any, y: Any = 3.0) -> Any:
        return x * x * y

    values: dict[str, Any] = {
        "grad(f)(x)": 12.0, "grad(f, 1)(x, y)": 4.0, "grad(f, (0, 1))(x, y)": (12.0, 4.0),
        "value_and_grad(f)(x)": (12.0, 12.0), "jacobian(f)(x)": 12.0, "hessian(f)(x)": 6.0, "vjp(f, x)": None,
        "[grad(f)(x) for x in xs]": [6.0, 12.0], "grad(lambda xs: np.sum(f(xs)))(xs)": [6.0, 12.0],
        "grad(f, has_aux=True)(x)": (4.0, "aux"), "jvp(f, (x,), (v,))": (12.0, 24.0), "hvp(f, (x,), (v,))": 12.0,
        "math.pi": math.pi, "math.inf": inf, "the same": None,
    }  # fmt: skip
    seen = set[str]()
    for theirs, ours in rows_of("from-hips.md", "| HIPS autograd | here |"):
        names: dict[str, Any] = {**vars(autograd), "f": f, "x": 2.0, "y": 3.0, "v": 2.0, "xs": np.array([1.0, 2.0])}
        names |= {"np": np, "math": math, "Value": Value}
        if "aux" in theirs:
            names["f"] = lambda x: (x * x, "aux")
        for code in codes_of(theirs if ours.startswith("the same") else ours):
            if re.match(r"import |x = ", code):
                exec(code, names)
            elif code != "argnums":
                found = eval(code, names)
                seen.add(code)
                if values.get(code) is not None:
                    assert np.array_equal(found, values[code]) if code.count("xs") else found == values[code], code
    assert seen >= values.keys() - {"the same"}


def test_what_to_write_in_place_of_elementwise_grad_is_right_for_every_shape() -> None:
    numbers = np.linspace(-1.0, 1.0, 6)
    for xs in (numbers, numbers.reshape(2, 3), numbers.reshape(1, 3, 2)):
        slopes = grad(lambda xs: np.sum(np.tanh(xs)))(xs)
        assert slopes.shape == xs.shape
        assert slopes == pytest.approx(1 - np.tanh(xs) ** 2, rel=1e-14)


def test_what_to_write_in_place_of_jaxs_runs_and_gives_the_same() -> None:
    jnp, jax, _ = map(array_module, ("jax.numpy", "jax", "jax.test_util"))
    jax.config.update("jax_enable_x64", True)

    def f_of(exp: Any) -> Any:
        return lambda x: exp(x) * x

    theirs_have = {
        **vars(jax.nn),
        **vars(jax.lax),
        **vars(jax.random),
        **vars(jnp),
        **vars(jax),
        "jax": jax,
        "jnp": jnp,
    }
    known: dict[str, Any] = {"x": 0.75, "v": 2.0, "seed": 1}
    functions = dict[str, Any]()
    compared = 0
    for theirs, ours in rows_of("from-jax.md", "| JAX | here |"):
        if "itself" in ours or ours.startswith("themselves"):  # on what `compile` makes for JAX
            continue
        named = {**theirs_have, **known, "f": f_of(jnp.exp)}
        found = [eval(code, named) for code in codes_of(theirs)]
        x = Value(0.75)
        own: dict[str, Any] = {**vars(autograd), **known, "f": f_of(autograd.exp), "math": math, "autograd": autograd}
        own |= {"random": __import__("random")}
        if "compile(y, x)" in ours or "Value(x)" in ours:
            own |= {"x": x if "compile" in ours else 0.75, "y": own["f"](x)}
        codes = [*codes_of(theirs if ours.startswith("the same") else ours)]
        kept = [code for code in codes if code not in ("if", "for", "while")]
        results = [eval(code.removeprefix("jax."), own) for code in kept]
        if len(found) == len(results) == 1 and isinstance(found[0], float | jax.Array):
            assert results[0] == pytest.approx(float(found[0]), rel=1e-14), theirs
            compared += 1
        functions |= {
            code.rpartition(".")[2]: function
            for code, function in zip(codes_of(theirs), found, strict=True)
            if theirs.startswith("`jax.nn.") and callable(function)
        }
    arguments = {name: [-0.5, 0.75] for name in functions}
    expected = jax.jit(lambda xs: {name: f(jnp.array(xs[name])) for name, f in functions.items()})(arguments)
    for name, numbers in arguments.items():
        own_function = getattr(autograd, name)
        of_a_list = name in ("softmax", "log_softmax", "logsumexp")
        results = own_function(numbers) if of_a_list else [own_function(x) for x in numbers]
        assert results == pytest.approx(np.asarray(expected[name]), rel=1e-13), name
        compared += 1
    assert compared >= 12


# -------------------------------------------------------------------------------------------------- values at the edges


def same(x: float, y: float) -> bool:
    return x == y or (math.isnan(x) and math.isnan(y)) or math.isclose(x, y, rel_tol=1e-13)


def test_gradients_at_the_edges_differ_from_jaxs_where_the_page_says() -> None:
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    jax.config.update("jax_enable_x64", True)
    theirs = {
        "x ** y": jnp.power, "abs(x)": jnp.abs, "clip(x, 0, 1)": lambda x: jnp.clip(x, 0.0, 1.0),
        "leaky_relu(x)": jax.nn.leaky_relu, "hypot(x, y)": jnp.hypot, "atan2(x, y)": jnp.arctan2,
        "logaddexp(x, y)": jnp.logaddexp, "acosh(x)": jnp.arccosh, "silu(x)": jax.nn.silu,
        "gelu(x)": lambda x: jax.nn.gelu(x, approximate=False), "relu(x)": jax.nn.relu, "max(x, y)": jnp.maximum,
        "min(x, y)": jnp.minimum, "sqrt(x)": jnp.sqrt, "log(x)": jnp.log, "elu(x)": jax.nn.elu, "sign(x)": jnp.sign,
        "softplus(x)": jax.nn.softplus, "log_sigmoid(x)": jax.nn.log_sigmoid, "x % y": jnp.mod,
        "1 / x": lambda x: 1 / x,
    }  # fmt: skip
    one, two = [(x,) for x in (0.0, 1.0, -1.0, inf, -inf)], [(0.0, 0.0), (0.0, -1.0), (1.0, 1.0), (inf, inf)]
    listed = dict[tuple[str, tuple[float, ...]], tuple[list[float], list[float]]]()
    for said, *slopes_said in rows_of("from-jax.md", "| gradient of | here | JAX |"):
        functions, _, place = said.rpartition(" at ")
        point = tuple(float(x) for x in place.strip("()").split(","))
        for code in codes_of(functions):
            listed[code, point] = tuple([float(x) for x in cell.split(",")] for cell in slopes_said)  # type: ignore[assignment]
    assert len(listed) >= 16
    at = {  # the points of each function
        code: sorted({*(two if "y)" in code or " y" in code else one), *(p for c, p in listed if c == code)})
        for code in theirs
    }

    def slopes(points: dict[str, Any]) -> dict[str, Any]:
        return {
            code: jax.vmap(jax.grad(f, tuple(range(len(points[code])))))(*points[code]) for code, f in theirs.items()
        }

    # All of them at once, because JAX compiles each function that it is asked for.
    found_there = jax.jit(slopes)({code: [*map(jnp.array, zip(*points, strict=True))] for code, points in at.items()})
    for code, points in at.items():
        places = tuple(range(len(points[0])))
        ours = eval(f"lambda {'x, y' if len(places) > 1 else 'x'}: {code}", {**vars(autograd), **autograd.ops.TABLE})
        for point, *there in zip(points, *(column.tolist() for column in found_there[code]), strict=True):
            pair = [[*grad(ours, places)(*point)], there]
            if (code, point) in listed:
                for found, expected in zip(pair, listed[code, point], strict=True):
                    assert all(map(same, found, expected)), (code, point, pair)
            else:
                assert all(map(same, *pair)), (code, point, pair)
