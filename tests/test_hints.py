"""Names of other engines, NumPy and PyTorch: each works, or says what to write, which then works."""

from __future__ import annotations

import copy
import inspect
import math
import random
import re
import rlcompleter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, nn, optim
from autograd.hints import (
    ARGUMENTS,
    ATTRIBUTES,
    FUNCTIONS,
    HISTORY,
    MODEL,
    NETWORKS,
    OPTIMIZER,
    OPTIMIZERS,
    PACKAGE,
    RECIPES,
    STANDARDIZE,
)  # fmt: skip
from autograd.ops import TABLE, Op


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_an_attribute_of_another_engine_says_what_to_write(name: str) -> None:
    v: Any
    for v in Value(2.0), Value(2.0) * 3:
        assert not hasattr(v, name) and name not in dir(v)
        for use in (lambda v: getattr(v, name), lambda v: setattr(v, name, 1.0)):
            with pytest.raises(AttributeError, match=f"^a Value has no '{name}': {re.escape(ATTRIBUTES[name])}$"):
                use(v)


WRITTEN = {name: advice[6:] for name, advice in ATTRIBUTES.items() if advice.startswith("write ")}


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_advice_runs(name: str) -> None:
    v, w = Value(2.5), Value(2.0)
    names: dict[str, Any] = {"v": v, "w": w, "values": [v, w], "xs": [v, w], "ys": [w, v], "low": 0.0, "high": 1.0}
    code = re.split(r", with | with |, after | as an |, or ", WRITTEN[name])[0]
    eval(code, {"autograd": autograd, "math": math, "copy": copy, **names})


@pytest.mark.parametrize(("name", "known"), [(name, known) for known in (MODEL, OPTIMIZER) for name in known])
def test_an_attribute_of_other_models_and_optimizers_says_what_to_write(
    name: str, known: dict[str, str], tmp_path: Path
) -> None:
    model: Any = nn.MLP(1, [1])
    optimizer: Any = optim.SGD(0.1)
    thing = model if known is MODEL else optimizer
    with pytest.raises(AttributeError, match=f"^'{type(thing).__name__}' has no '{name}': {re.escape(known[name])}$"):
        getattr(thing, name)
    assert not hasattr(thing, name) and name not in dir(thing)
    xs, ys, path = [[0.0], [1.0]], [0.0, 1.0], tmp_path / "model.json"
    model.parameters()[0].data = 0.9  # nearly trained
    model.save(path)
    loss = (model(xs[0]) - ys[0]) ** 2
    names = {"model": model, "optimizer": optimizer, "loss": loss, "xs": xs, "ys": ys, "x": xs[0], "path": path}
    names |= {"scores": [0.5, 1.0], "score": 0.5, "nn": nn}
    for call in re.findall(r"\b[a-z.]+\((?:[^()]|\([^()]*\))*\)", known[name]):
        eval(call, {"autograd": autograd, "copy": copy, **names})


@pytest.mark.parametrize("name", ["trainable", "requires_grad"])
def test_a_flag_that_would_freeze_elsewhere_is_no_attribute_that_does_nothing(name: str) -> None:
    class Mine(nn.Module):
        def __init__(self) -> None:
            self.part = nn.Neuron(1)

    model: Any = Mine()
    for thing in model, model.part:
        with pytest.raises(AttributeError, match=re.escape("write model.freeze() or model.unfreeze()")):
            setattr(thing, name, False)
    assert not hasattr(model, name) and len(model.parameters()) == 2


def test_other_names_of_models_are_refused_as_python_does() -> None:
    class Mine(nn.Module):
        @property
        def broken(self) -> Any:
            return self.inner  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match=r"^'Mine' object has no attribute 'inner'$") as caught:
        Mine().broken  # noqa: B018
    assert caught.value.name == "inner"
    mine: Any = Mine()
    mine.forward = mine.weights = 3.0  # names of a user's own
    assert (mine.forward, mine.weights) == (3.0, 3.0)
    assert copy.deepcopy(mine).forward == 3.0


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_by_another_name_says_its_name(name: str) -> None:
    said = f"^module 'autograd' has no attribute '{name}': it is autograd.{FUNCTIONS[name]} here$"
    with pytest.raises(AttributeError, match=said):
        getattr(autograd, name)
    assert FUNCTIONS[name] in TABLE and not hasattr(autograd, name) and name not in dir(autograd)
    same = getattr(np, name, None)
    if same is not None:
        operands = [0.5, 0.25][: TABLE[FUNCTIONS[name]].arity]
        operands[0] += name == "arccosh"
        assert TABLE[FUNCTIONS[name]](*operands) == pytest.approx(float(same(*operands)), rel=1e-15)


def test_a_function_made_of_rows_says_where_it_is() -> None:
    page = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^def (\w+)\(|^(\w+) = Op\(", page, re.MULTILINE)) == {
        (name, "") if f"def {name}(" in page else ("", name) for name in RECIPES.values()
    }
    for name, recipe in RECIPES.items():
        with pytest.raises(
            AttributeError, match=f"'{name}': it is a function made of rows: see {recipe} in docs/recipes"
        ):
            getattr(autograd, name)
        with pytest.raises(AttributeError, match=rf"^a Value has no '{name}': "):
            getattr(Value(1.0), name)


def test_other_names_of_the_package_are_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match=r"^module 'autograd' has no attribute 'tahn'$"):
        autograd.tahn  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'tahn'"):
        from autograd import tahn  # type: ignore[attr-defined]  # noqa: F401, PLC0415


def test_the_arguments_in_the_table_are_none_that_are_taken() -> None:
    functions: dict[str, Callable[..., Any]] = {**TABLE, "SGD": optim.SGD, "optimizer": optim.AdamW}
    functions |= {"network": nn.MLP, "layer": nn.Layer, "LayerNorm": nn.LayerNorm, "Dropout": nn.Dropout}
    functions |= {"grad": autograd.grad, "mean": autograd.mean, "logsumexp": autograd.logsumexp}
    functions |= {"softmax": autograd.softmax, "log_softmax": autograd.log_softmax, "fit": autograd.fit}
    functions |= {"explain": autograd.explain}
    for function, others in ARGUMENTS.items():
        taken = inspect.signature(functions[function]).parameters
        assert len(taken) and not taken.keys() & others.keys()


UNCHECKED: tuple[Any, ...] = nn.Layer, nn.MLP, autograd.softmax  # by a type checker, which sees the mistake


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda v: autograd.leaky_relu(v, negative_slope=0.1), "takes .x, slope=0.01.: .*; write slope$"),
        (lambda v: v.leaky_relu(alpha=0.1), "; write slope$"),
        (lambda v: autograd.elu(v, negative_slope=0.1), "takes .x, alpha=1.0.: .*; write alpha$"),
        (lambda v: autograd.clip(v, min=0, max=1), "; write low, high$"),
        (lambda v: v.clip(a_min=0), "; write low$"),
        (lambda v: v.round(1), r"; write autograd.round\(x \* 100\) / 100 for two digits$"),
        (lambda v: autograd.round(v, 1), "for two digits$"),
        (lambda v: autograd.round(v, decimals=1), "for two digits$"),
        (lambda v: round(v, 1), r"to two digits autograd.round\(v \* 100\) / 100"),
        (lambda v: autograd.tanh(v, 1), "too many positional arguments$"),
        (lambda v: autograd.largest(v, 1), r"; write the values as one list, autograd\.largest\(\[x, y\]\)$"),
        (lambda v: autograd.sum(v, 1), r"; write the values as one list, autograd\.sum\(\[x, y\]\)$"),
        (lambda v: autograd.sum([v], dim=0), r"; write \[autograd\.sum\(row\) for row in rows\] for several rows$"),
        *(
            (
                lambda v, f=f, name=name: f([v], **{name: -1}),
                rf"^{f.__name__}\(\) got .* '{name}'; write \[autograd\.{f.__name__}\(row\) for",
            )
            for f in (autograd.softmax, autograd.log_softmax, autograd.logsumexp, autograd.mean)
            for name in ("dim", "axis")
        ),
        (
            lambda v: UNCHECKED[2]([v], temperature=2),
            r"^softmax\(\) got an unexpected keyword argument 'temperature'$",
        ),
        (
            lambda v: UNCHECKED[0](2, 3, bias=False),
            r"'bias'; write a Module with \[autograd\.dot\(row, x\) for row in self",
        ),
        (lambda v: UNCHECKED[1](2, [1], use_bias=False), r"'use_bias'; write a Module with"),
        (
            lambda v: [0.5, 1.0][v],
            r"dot\(weights, .* of a row table\[t\], \[autograd\.dot\(column, nn\.one_hot\(t, len\(table\)",
        ),
        (lambda v: np.fmod(v, 2), "see fmod in docs/recipes.md$"),
        (lambda v: np.fmod(np.array([v]), 2), "see fmod in docs/recipes.md$"),
    ],
)
def test_an_argument_by_another_name_says_its_name(call: Callable[[Any], Any], said: str) -> None:
    with pytest.raises((TypeError, AttributeError), match=said):
        call(Value(2.5))


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_an_optimizer_says_what_it_takes(kind: Any) -> None:
    parameters = [Value(1.0)]
    model = nn.MLP(2, [2, 1])
    first: Any
    for first in (parameters, tuple(parameters), iter(parameters), model.parameters(), model):
        said = rf"^make an optimizer without parameters, {kind.__name__}\(lr=0.1\), and pass them to its step"
        with pytest.raises(TypeError, match=said):
            kind(first)
        with pytest.raises(TypeError, match=said):
            kind(first, lr=0.1)
    for named, advice in {
        "learning_rate": "lr", "params": r"step\(parameters\)", "grad_clip": "clip_norm", "b1": r"betas=\(0.9, 0.999\)",
    }.items():  # fmt: skip
        said = rf"^{kind.__name__}\(\) takes \(lr.*, clip_norm=None\): .*; write {advice}$"
        with pytest.raises(TypeError, match=said):
            kind(lr=0.1, **{named: 0.1})
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'amsgrad'$"):
        kind(lr=0.1, amsgrad=True)
    optimizer = copy.deepcopy(kind(lr=0.1))
    parameters[0].grad = 2.0
    optimizer.step(parameters)
    assert parameters[0].data < 1.0 and repr(optimizer) == repr(kind(0.1))
    assert str(optim.SGD.__init__.__annotations__["momentum"]) == "<class 'float'>"


def test_weight_decay_of_sgd_is_adamws_or_a_penalty() -> None:
    with pytest.raises(TypeError, match=r"; write AdamW\(lr, weight_decay=...\), or a penalty"):
        optim.SGD(lr=0.1, weight_decay=0.1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"missing a required argument: 'lr'; write lr$"):
        optim.SGD(learning_rate=0.1)  # type: ignore[call-arg]


def test_a_users_optimizer_is_a_subclass_as_before() -> None:
    class Halves(optim.SGD):
        def rate(self) -> float:
            return super().rate() / 2

    x = Value(1.0)
    x.grad = 1.0
    Halves(0.5).step([x])
    assert x.data == 0.75
    with pytest.raises(TypeError, match=r"without parameters, Halves\(lr=0.1\)"):
        Halves([x], lr=0.5)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(("x", "y"), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1.0, 0.1), (1.0, 0.0)])
def test_divmod_is_both_with_their_gradients(x: float, y: float) -> None:
    pairs: list[tuple[Any, Any]] = [(Value(x), Value(y)), (Value(x), y), (x, Value(y))]
    for v, w in pairs:
        for found in (divmod(v, w), np.divmod(v, w)):
            for z, by_itself in zip(found, (v // w, v % w), strict=True):
                assert repr(z) == repr(by_itself) and z.op is by_itself.op
    by_y: Any = Value(y)
    arrays = np.divmod(np.array([x, 2 * x]), by_y)
    assert [repr(z) for z in arrays[1]] == [repr(x % Value(y)), repr(2 * x % Value(y))]
    with pytest.raises(TypeError, match="got str '2'"):
        divmod(Value(x), "2")


def test_a_row_of_ones_own_may_have_such_a_name() -> None:
    try:
        square = Op("square({})", lambda x: x * x, lambda g, z, x: g * 2 * x)
        v: Any = Value(3.0)
        assert square(v).data == v.square().data == 9.0 and "square" in dir(v) and "square" in dir(Value)
    finally:
        del TABLE["square"]
        delattr(Value, "square")
    assert "square" not in dir(v) and "square" not in dir(Value)
    with pytest.raises(AttributeError, match="write v \\* v"):
        v.square  # noqa: B018


def test_the_hint_for_probabilities_works() -> None:
    xs = [[0.0, 1.0], [1.0, 0.5], [0.5, -1.0]]
    for outputs in (3, 1):
        model: Any = nn.MLP(2, [4, outputs], rng=random.Random(0))
        with pytest.raises(AttributeError) as caught:
            model.predict_proba  # noqa: B018
        for_several, for_one = re.findall(r"\[[^\]]*\]", str(caught.value))
        for form in (list, np.array):
            found = eval(
                for_several if outputs > 1 else for_one, {"autograd": autograd, "model": model, "xs": form(xs)}
            )
            scores = model.predict(xs)
            expected = [
                [math.exp(z) / sum(map(math.exp, row)) for z in row] if outputs > 1 else 1 / (1 + math.exp(-row))
                for row in scores
            ]
            assert np.array(found, dtype=float) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        *((nn, name, advice) for name, advice in NETWORKS.items()),
        *((optim, name, advice) for name, advice in OPTIMIZERS.items()),
        *((autograd, name, advice) for name, advice in PACKAGE.items()),
    ],
)
def test_a_name_of_another_library_in_a_module(module: Any, name: str, advice: str, tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match=f"^module '{module.__name__}' has no attribute '{name}': ") as caught:
        getattr(module, name)
    assert str(caught.value).endswith(advice) and name not in dir(module)
    model, xs, path = nn.MLP(2, [1]), np.ones((3, 2)), tmp_path / "model.json"
    model.save(path)
    names = {"autograd": autograd, "nn": nn, "optim": optim, "model": model, "random": random, "np": np, "path": path}
    v = Value(1.0)
    names |= {"xs": [v] if "grad(" in advice or "in_axes" in advice else xs, "y": v * 2, "dy": v * 3, "ys": [v * 2]}
    names |= {"f": lambda x: x * x, "primals": (2.0,), "tangents": (1.0,), "w": Value(2.0), "x": v, "math": math}
    names |= {"nin": 2, "nout": 1, "n": 2, "p": 0.5, "v": v, "row": [0.5, 1.0], "column": [2.0, 3.0]}
    names |= {"logits": [0.5, 1.0], "output": [0.5, 0.5], "target": [0.25, 0.75], "values": [Value(1.0), Value(2.0)]}
    for code in re.findall(r"\b(?:autograd|nn|optim|model|random|xs)(?:\.\w+)+(?:\((?:[^()]|\([^()]*\))*\))?", advice):
        eval(code.replace(", ...", ""), names)


def test_numpys_own_functions_take_arrays_of_values_as_the_hints_say() -> None:
    row, square = np.array([Value(1.0), Value(2.0)]), np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    numbers: dict[str, tuple[Any, ...]] = {
        **dict.fromkeys(("eye", "identity", "empty", "arange"), (2,)),
        **dict.fromkeys(("linspace", "logspace", "geomspace"), (1.0, 2.0, 3)),
    }
    others: dict[str, tuple[Any, ...]] = {
        **numbers,
        **dict.fromkeys(("outer", "kron", "append", "meshgrid"), (row, row)),
        **dict.fromkeys(("trace", "tril", "triu", "diag", "ravel", "transpose", "squeeze", "flip"), (square,)),
        **dict.fromkeys(("swapaxes", "moveaxis"), (square, 0, 1)),
        **dict.fromkeys(("tile", "repeat", "split"), (row, 2)),
        **dict.fromkeys(("roll", "diff", "full_like"), (row, 1)),
        "tensordot": (row, row, 1),
        "reshape": (row, (2, 1)),
        "expand_dims": (row, 0),
    }
    advised = [name for name, advice in PACKAGE.items() if advice.endswith(f"import numpy as np, and np.{name}")]
    assert others.keys() < {*advised}
    for name in advised:
        found = getattr(np, name)
        if name != "newaxis":
            made = np.asarray(found(*others.get(name, (row,))))
            assert (made.dtype == object) == (name not in numbers), name
    assert autograd.grad(np.trace(square), list(np.diag(square)))[1].data == 1.0


def test_other_names_in_a_module_are_refused_as_python_does() -> None:
    for module in (nn, optim, autograd):
        with pytest.raises(AttributeError, match=rf"^module '{module.__name__}' has no attribute 'nothing'$"):
            module.nothing  # noqa: B018


def test_a_scaler_says_where_its_numbers_come_from() -> None:
    wrong: list[tuple[Any, ...]] = [(), (2,), ([[1.0, 2.0], [3.0, 4.0]], 1), (np.ones((3, 2)),), ([1.0],)]
    for arguments in wrong:
        with pytest.raises(TypeError, match=r"write nn\.Standardize\.of\(xs\)"):
            nn.Standardize(*arguments)
    scaler = nn.Standardize([1.0], [2.0])
    for name, advice in STANDARDIZE.items():
        with pytest.raises(AttributeError, match=re.escape(advice)):
            getattr(scaler, name)
        assert name not in dir(scaler)


@pytest.mark.parametrize(
    "thing", [Value(2.0), Value(2.0) * 3, nn.MLP(1, [1]), nn.Standardize([0.0], [1.0]), optim.Adam(0.1)], ids=repr
)
def test_completion_offers_what_there_is(thing: Any) -> None:
    """Python's REPL and IPython ask the class, too."""
    offered = rlcompleter.Completer({"thing": thing}).attr_matches("thing.")
    names = {re.sub(r"^thing\.|\W*$", "", name) for name in offered}
    assert names <= {*dir(thing), *dir(type(thing))}
    assert [name for name in names if not hasattr(thing, name)] == []
    assert not names & {"arccos", "absolute", "conjugate"}  # NumPy's names of what has a name
    assert names & {"data", "parameters", "step"}


def test_forward_of_a_base_and_a_misspelt_one() -> None:
    class Above(nn.MLP):
        def forward(self, x: Any) -> Any:
            return nn.MLP.__call__(self, x) * 2

    class Below(nn.MLP):
        def forward(self, x: Any) -> Any:
            return super().forward(x)  # type: ignore[misc]  # the mistake

    class Misspelt(nn.Module):
        def foward(self, x: Any) -> Any:
            return x

    assert Above(2, [1])([0.5, 1.0]).op is autograd.ops.mul
    with pytest.raises(AttributeError, match=r"in a forward of your own, nn\.MLP\.__call__\(self, x\)"):
        Below(2, [1])([0.5, 1.0])
    with pytest.raises(TypeError, match=r"; is Misspelt\.foward meant to be forward\?$"):
        Misspelt()(1.0)


def test_a_step_without_parameters_says_what_to_write() -> None:
    for optimizer in (optim.SGD(0.1), optim.Adam(0.1)):
        step: Any = optimizer.step
        with pytest.raises(TypeError, match=r"write optimizer\.step\(model\.parameters\(\)\)"):
            step()
        step(parameters=[Value(1.0)])


# The first lines of a program for PyTorch, and what each says, or None where it works.
FIRST_LINES: dict[str, str | None] = {
    "model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))": r"write nn\.Layer\(nin, nout, 'linear'\)",
    "nn.ReLU()": "an activation is an argument, .* also in nn.Sequential",
    "nn.BatchNorm1d(8)": r"write nn\.LayerNorm\(n\)",
    "nn.ModuleList([model, model])": "write a list of them, as an attribute of a Module",
    "nn.ModuleDict({})": "write a dictionary of them, as an attribute of a Module",
    "nn.Parameter(0.5)": r"write autograd\.Value\(0\.5\), as an attribute",
    "nn.Dropout(0.5)": None,
    "nn.huber(0.5, 1.0)": "see huber in docs/recipes.md",
    "nn.functional.smooth_l1_loss": "an activation is an argument",
    "nn.nll_loss": r"write nn\.cross_entropy, which",
    "nn.kl_div": r"autograd\.log\(t / o\)",
    "nn.randn(3)": r"write nn\.normal\(n\)",
    "autograd.argmax([1.0, 2.0])": r"key=lambda i: values\[i\]\.data",
    "autograd.cumsum([1.0, 2.0])": r"itertools\.accumulate\(values\)",
    "nn.LayerNorm(8)": None,
    "nn.CrossEntropyLoss()": "write nn.cross_entropy",
    "nn.utils.clip_grad_norm_(model.parameters(), 1.0)": "clip_norm=1.0",
    "optim.Adam(model.parameters(), lr=.01)": r"make an optimizer without parameters, Adam\(lr=0\.1\), and pass",
    "optim.Adam(params=model.parameters(), lr=.01)": r"; write step\(parameters\)$",
    "optim.SGD(params=model.parameters(), lr=.01, momentum=.9)": r"'params'; write step\(parameters\)$",
    "optimizer.step(model)": r"write optimizer\.step\(model\.parameters\(\)\)",
    "optimizer.step(model.parameters)": r"write optimizer\.step\(model\.parameters\(\)\)",
    "optimizer.step(parameters=model)": r"write optimizer\.step\(model\.parameters\(\)\)",
    "nn.LayerNorm((3,))": "n is an integer, got the tuple",
    "nn.LayerNorm(normalized_shape=3)": "; write n$",
    "nn.Layer(in_features=2, out_features=3)": "; write nin, nout$",
    "nn.Layer(2, out_features=3)": "; write nout$",
    "nn.Layer(2, 3, bias=False)": "for a layer without biases$",
    "nn.Dropout(0.5, inplace=True)": "; leave inplace out$",
    "model.forward([1.0, 2.0])": r"write model\(x\); in a forward of your own, nn\.MLP\.__call__\(self, x\)",
    "optim.SGD([{'params': model.parameters(), 'lr': 0.1}], lr=0.01)": r"other rates of other parts, optim\.Groups\(",
    "optim.SGD(model, lr=0.1)": r"make an optimizer without parameters, SGD\(lr=0\.1\)",
    "optim.lr_scheduler.StepLR(optimizer, 10)": r"lr may be a function of the step, optim\.SGD\(lr=lambda step",
    "optimizer.zero_grad()": r"the gradients are the model's: write model\.zero_grad\(\)",
    "optimizer.step()": r"write optimizer\.step\(model\.parameters\(\)\)",
    "optimizer.param_groups": r"optim\.Groups\(",
    "optimizer.add_param_group({})": r"write optim\.Groups\(",
    "optimizer.state_dict()": r"write copy\.deepcopy\(optimizer\), or pickle it",
    "model.train()": None,
    "model.eval()": None,
    "model.to('cpu')": "leave it out: its numbers are Python's floats",
    "model.state_dict()": r"for a file model\.save\(path\)",
    "model.load_state_dict({})": r"write model\.load\(path\)",
    "model.requires_grad_(False)": r"write model\.freeze\(\)",
    "model.parameters()[0].requires_grad": r"model\.part\.freeze\(\)",
    "setattr(model.parameters()[0], 'requires_grad', False)": r"model\.part\.freeze\(\)",
    "model.register_buffer('mean', 0.0)": r"self\.mean = nn\.Constant\(",
    "loss.item()": r"its number is v\.data",
    "loss.detach()": r"v\.data for the number",
    "loss.backward()": None,
    "autograd.tensor([1.0])": r"write autograd\.Value\(0\.5\)",
    "autograd.no_grad()": "a graph that is not used costs nothing more",
    "autograd.manual_seed(0)": r"write random\.seed\(0\)",
    "autograd.device('cpu')": "leave it out: numbers are Python's floats",
    "autograd.DataLoader": "autograd.fit takes lists or arrays, and a batch_size",
}


@pytest.mark.parametrize("line", FIRST_LINES)
def test_the_first_lines_of_a_program_for_pytorch_work_or_say_what_to_write(line: str) -> None:
    model, optimizer = nn.MLP(2, [1]), optim.SGD(0.1)
    names = {"nn": nn, "optim": optim, "autograd": autograd, "model": model, "optimizer": optimizer}
    names["loss"] = model([0.5, 1.0]) ** 2
    said = FIRST_LINES[line]
    if said is None:
        exec(line, names)
    else:
        with pytest.raises((TypeError, AttributeError), match=said):
            exec(line, names)


@pytest.mark.parametrize(
    "use",
    [
        lambda c: c * 2,
        lambda c: 2 - c,
        lambda c: Value(1.0) / c,
        lambda c: np.array([1.0, 2.0]) + c,
        lambda c: Value(1.0) < c,
        lambda c: -c,
        lambda c: c[0],
        lambda c: list(zip([1.0, 2.0], c)),
        float,
    ],
)
def test_a_constant_says_where_its_numbers_are(use: Callable[[Any], Any]) -> None:
    with pytest.raises(
        TypeError, match=re.escape("the numbers of an nn.Constant are its value: write self.mean.value")
    ):
        use(nn.Constant([1.0, 2.0]))


FITTED: dict[str, Any] = {"loss": "mse", "optimizer": "sgd", "epochs": 1}
A_CALL = r"A call is written autograd\.fit\(model, xs, ys, loss='mse', optimizer='adam', epochs=100\)$"


@pytest.mark.parametrize(("name", "advice"), ARGUMENTS["fit"].items())
def test_an_argument_of_fit_by_another_name_says_what_to_write(name: str, advice: str) -> None:
    fit: Any = autograd.fit
    model, xs, ys = nn.MLP(2, [1]), [[0.5, 1.0]] * 10, [0.5] * 10
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{name}'; .*{A_CALL}") as caught:
        fit(model, xs, ys, **FITTED, **{name: 1})
    assert advice in str(caught.value)
    if "=" in advice and not advice.startswith("leave"):  # it works
        names = {"optim": optim, "autograd": autograd, "test_xs": xs, "test_ys": ys}
        written = eval(f"dict({re.sub(', or .*', '', advice)})", names)
        fit(model, xs, ys, **{**FITTED, "progress": False, **written})


def test_a_call_of_fit_that_lacks_something_says_what() -> None:
    fit: Any = autograd.fit
    model, xs, ys = nn.MLP(2, [1]), [[0.5, 1.0]], [0.5]
    for call, said in {
        "fit(model, xs, ys)": r"fit\(\) lacks loss, optimizer and epochs\. ",
        "fit(model, xs, loss='mse', epochs=3)": r"fit\(\) lacks ys and optimizer\. ",
        "fit(model, xs, ys, 'mse', 'adam', 3)": r"fit\(\) takes model, xs and ys by position, all others by name\. ",
        "fit(model, xs, ys, xs=xs, **given)": r"fit\(\) got xs twice\. ",
        "fit(model, xs, ys, verbose=0, shuffle=True, **given)": "'verbose', 'shuffle'; write progress=True, or False; "
        "leave shuffle out: ",
        "fit(model, xs, ys, frobnicate=0, **given)": r"unexpected keyword argument 'frobnicate'\. ",
    }.items():
        with pytest.raises(TypeError, match=f"{said}.*{A_CALL}"):
            eval(call, {"fit": fit, "model": model, "xs": xs, "ys": ys, "given": FITTED})
    assert [*inspect.signature(autograd.fit).parameters][:4] == ["model", "xs", "ys", "loss"]


@pytest.mark.parametrize("name", HISTORY)
def test_an_attribute_of_another_history_says_what_to_write(name: str) -> None:
    history: Any = autograd.History(losses=[2.0, 1.0], accuracy=[0.5, 1.0], best_epoch=1)
    with pytest.raises(AttributeError, match=f"^'History' has no '{name}': {re.escape(HISTORY[name])}$"):
        getattr(history, name)
    with pytest.raises(TypeError, match=f"^a History is no dictionary or list: {re.escape(HISTORY[name])}$"):
        history[name]
    assert name not in dir(history)
    assert name not in dir(type(history))
    eval(HISTORY[name].removeprefix("write ").split(", after")[0], {"history": history})


def test_a_history_has_no_entries() -> None:
    history: Any = autograd.History(losses=[2.0, 1.0], accuracy=[0.5, 1.0])
    for key, said in {"accuracy": "history.accuracy", 0: "history.losses", "f1": "history.losses"}.items():
        with pytest.raises(TypeError, match=f"is no dictionary or list: write {said}$"):
            history[key]
    with pytest.raises(TypeError, match="a History is no dictionary or list"):
        history[[0]]
    with pytest.raises(TypeError, match="not iterable"):
        list(history)
    assert copy.deepcopy(history).losses == [2.0, 1.0]


class Mine(nn.Module):
    def __call__(self, x: Any) -> Any:
        return x[0]


def test_a_class_in_place_of_a_model_says_what_to_write(tmp_path: Path) -> None:
    xs, path = [[0.5, 1.0]], tmp_path / "model.json"
    fit: Any = autograd.fit
    for kind, made in ((nn.MLP, "nn.MLP(2, [8, 1])"), (nn.Neuron, "nn.Neuron(2)"), (Mine, "Mine(...)")):
        said = re.escape(f"{kind.__name__} is a class, not a model: write model = {made}, and pass the model")
        with pytest.raises(TypeError, match=f"^{said}$"):
            fit(kind, xs, [0.5], **FITTED)
        with pytest.raises(TypeError, match=f"^{said}$"):
            autograd.plot_decision_boundary(kind, xs, [0.5])
        with pytest.raises(TypeError, match=f"^{said}$"):
            nn.Sequential(kind, nn.Neuron(1))
        for name, arguments in {
            "predict": (xs,), "save": (path,), "load": (path,), "parameters": (), "zero_grad": (), "train": (),
            "eval": (), "freeze": (), "unfreeze": (),
        }.items():  # fmt: skip
            with pytest.raises(TypeError, match=rf"^{name} is a method of a model.* write model\.{name}\("):
                getattr(kind, name)(*arguments)
            assert ("nn.load(path)" in str(said_of(kind, name, arguments))) == (name == "load")
    assert nn.Module.predict(nn.Neuron(1), [1.0], backend="eager")
    assert not path.exists()


def said_of(kind: Any, name: str, arguments: tuple[Any, ...]) -> TypeError:
    with pytest.raises(TypeError) as caught:
        getattr(kind, name)(*arguments)
    return caught.value


def test_a_name_in_another_module_of_the_package_says_where() -> None:
    module: Any
    for module, name, where in (
        (autograd, "mse", "nn.mse"), (autograd, "Standardize", "nn.Standardize"), (nn, "softmax", "softmax"),
        (nn, "fit", "fit"), (optim, "MLP", "nn.MLP"), (nn, "AdamW", "optim.AdamW"),
    ):  # fmt: skip
        with pytest.raises(AttributeError, match=rf"has no attribute '{name}': it is autograd\.{re.escape(where)}$"):
            getattr(module, name)
    with pytest.raises(AttributeError, match=r"'MSELoss': write nn\.mse$"):
        autograd.MSELoss  # type: ignore[attr-defined]  # noqa: B018
