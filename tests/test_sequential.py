"""`Sequential`, `Standardize`, `LayerNorm`, `Dropout`: what they compute, as parts of a model, its file and graph."""

from __future__ import annotations

import copy
import functools
import json
import math
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpmath import mp
from needs import BACKENDS, FIT_BACKENDS

import autograd
from autograd import Value, draw, explain, fit, nn, optim, to_text
from autograd.draws import drawing_from
from autograd.ops import TABLE, Op
from autograd.trees import tree_map

XS = [[4000.0 + 37 * i % 900, 0.01 * (i % 7), 5.0] for i in range(30)]
YS = [x[0] / 1000 + 10 * x[1] for x in XS]


def model(xs: Any = XS) -> nn.Sequential:
    return nn.Sequential(nn.Standardize.of(xs), nn.MLP(3, [4, 1], "tanh", rng=random.Random(0)))


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_the_mean_becomes_0_and_the_deviation_1(make: Any) -> None:
    scaled = nn.Standardize.of(make(XS))
    table = np.array(XS)
    assert scaled.mean == pytest.approx(table.mean(axis=0).tolist(), rel=1e-14)
    assert scaled.scale[:2] == pytest.approx(table.std(axis=0)[:2].tolist(), rel=1e-14)  # as StandardScaler's
    assert scaled.scale[2] == 1.0  # of an input that is always the same
    rows = np.array([scaled(x) for x in XS])
    assert np.abs(rows.mean(axis=0)).max() < 1e-13
    assert rows.std(axis=0)[:2] == pytest.approx([1, 1], rel=1e-13)
    assert set(rows[:, 2]) == {0.0}


def test_it_agrees_with_scikit_learn() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    theirs = preprocessing.StandardScaler().fit(XS)
    assert [nn.Standardize.of(XS)(x) for x in XS] == pytest.approx(theirs.transform(XS), rel=1e-12, abs=1e-12)


def test_samples_of_one_number() -> None:
    scaled = nn.Standardize.of([1.0, 3.0])
    assert (scaled.mean, scaled.scale) == ([2.0], [1.0])
    x = Value(5.0)
    assert scaled(x).data == 3.0
    assert [y.data for y in scaled([x])] == [3.0]
    line = nn.Sequential(scaled, nn.Neuron(1, "linear", weights=[0.0]))
    fit(line, [1.0, 3.0], [10.0, 20.0], loss="mse", optimizer=optim.SGD(0.25), epochs=60, progress=False)
    assert line(5.0).data == pytest.approx(30.0, rel=1e-6)


def test_huge_and_tiny_numbers() -> None:
    assert nn.Standardize.of([1e308, -1e308, 1e308, -1e308]).scale == pytest.approx([1e308], rel=1e-14)
    assert nn.Standardize.of([1e-300, 3e-300]).scale == pytest.approx([1e-300], rel=1e-14)


@pytest.mark.parametrize(
    "xs, kind, message",
    [
        ([[1.0, math.nan], [2.0, 3.0]], ValueError, r"xs: 1 of 2 samples lack a number \(sample 0\)"),
        ([["a", 1.0]], TypeError, "xs: 1 of 1 samples do not consist of numbers"),
        ([], ValueError, "xs is empty"),
        ([[[1.0], [2.0]]], ValueError, "a number or a row of numbers"),
        (np.ones((2, 2, 2)), ValueError, "a number or a row of numbers"),
    ],
)
def test_data_that_have_no_scale(xs: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        nn.Standardize.of(xs)


@pytest.mark.parametrize("mean, scale", [([1.0], [0.0]), ([1.0], [-1.0]), ([1.0], [math.inf]), ([1.0], []), ([], [])])
def test_wrong_scales(mean: Any, scale: Any) -> None:
    with pytest.raises(ValueError):
        nn.Standardize(mean, scale)


def test_a_wrong_number_of_inputs() -> None:
    with pytest.raises(ValueError, match="takes 3 inputs, got 2"):
        model()([1.0, 2.0])


def test_its_numbers_are_no_parameters() -> None:
    ours = model()
    names = [name for name, _ in ours.named_parameters()]
    assert len(names) == len(ours.parameters()) == 21
    assert all(name.startswith("module2.") for name in names)
    assert nn.Standardize.of(XS).parameters() == []
    with pytest.raises(ValueError, match="nothing to learn"):
        fit(nn.Standardize.of(XS), XS, XS, loss="mse", optimizer="sgd", epochs=1)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_training_gives_every_backend_the_same_and_leaves_the_scale(backend: str) -> None:
    ours, by_hand = model(), nn.MLP(3, [4, 1], "tanh", rng=random.Random(0))
    scaled = [nn.Standardize.of(XS)(x) for x in XS]
    options: dict[str, Any] = {"loss": "mse", "epochs": 20, "batch_size": 1, "seed": 0, "progress": False}
    history = fit(ours, XS, YS, optimizer=optim.SGD(0.05), backend=backend, **options)
    expected = fit(by_hand, scaled, YS, optimizer=optim.SGD(0.05), backend="eager", **options)
    assert history.losses == expected.losses
    assert [p.data for p in ours.parameters()] == [p.data for p in by_hand.parameters()]
    first = ours.modules[0]
    assert isinstance(first, nn.Standardize) and first.mean == nn.Standardize.of(XS).mean
    assert ours.predict(XS[:5]) == [by_hand(x).data for x in scaled[:5]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_model_has_its_scale(backend: str) -> None:
    ours, xs = model(), [Value(0.0) for _ in range(3)]
    f = autograd.compile(ours(xs), (xs,), backend=backend)
    assert [f(x) for x in XS[:3]] == [ours(x).data for x in XS[:3]]


def test_it_is_part_of_the_file(tmp_path: Path) -> None:
    ours, path = model(), tmp_path / "model.json"
    ours.save(path)
    written = json.loads(path.read_text())["parameters"]
    assert written["module1.mean1"] == nn.Standardize.of(XS).mean[0]
    other = nn.Sequential(nn.Standardize([0.0] * 3, [1.0] * 3), nn.MLP(3, [4, 1], "tanh"))
    before = other.predict(XS)
    other.load(path)
    assert other.predict(XS) == ours.predict(XS) != before  # what was compiled does not keep the old scale
    twin = nn.load(path)
    assert repr(twin) == repr(ours)
    assert twin.predict(XS) == ours.predict(XS)
    with pytest.raises(ValueError, match=r"lacks module1\.mean4"):
        nn.Sequential(nn.Standardize([0.0] * 4, [1.0] * 4), nn.MLP(3, [4, 1])).load(path)


def test_a_file_of_a_scale_alone_and_of_nested_sequences(tmp_path: Path) -> None:
    for ours in (nn.Standardize.of(XS), nn.Sequential(nn.Sequential(nn.Standardize.of(XS)), nn.Layer(3, 2))):
        ours.save(tmp_path / "file.json")
        twin = nn.load(tmp_path / "file.json")
        outputs, expected = twin(XS[3]), ours(XS[3])
        assert list(map(float_of, outputs)) == list(map(float_of, expected))


def float_of(x: Any) -> float:
    return x.data if isinstance(x, Value) else x


@pytest.mark.parametrize("nin", [0, -1, 10**9, "3", None, 1.5, True])
def test_a_damaged_file_makes_no_scale(tmp_path: Path, nin: Any) -> None:
    path = tmp_path / "file.json"
    nn.Standardize.of(XS).save(path)
    document = json.loads(path.read_text())
    document["architecture"]["nin"] = nin
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="cannot load"):
        nn.load(path)


def test_a_model_of_ones_own_has_its_scale_in_its_file(tmp_path: Path) -> None:
    class Mine(nn.Module):
        def __init__(self, xs: Any) -> None:
            self.scaled = {"inputs": nn.Standardize.of(xs)}
            self.neuron = nn.Neuron(3, "linear", rng=random.Random(1))

        def __call__(self, x: Any) -> Value:
            return self.neuron(self.scaled["inputs"](x))

    ours, other = Mine(XS), Mine([[1.0, 2.0, 3.0], [2.0, 4.0, 1.0]])
    ours.save(tmp_path / "mine.json")
    other.load(tmp_path / "mine.json")
    assert other(XS[0]).data == ours(XS[0]).data
    assert "scaled.inputs.scale3" in json.loads((tmp_path / "mine.json").read_text())["parameters"]


def test_copies_and_pickles() -> None:
    ours = model()
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert twin(XS[0]).data == ours(XS[0]).data
        assert len(twin.parameters()) == 21


def test_it_is_in_drawings_and_explanations() -> None:
    scaled = nn.Standardize([170.0, 65.0], [10.0, 13.0])
    inputs = [Value(180.0, "height"), Value(60.0, "weight")]
    output = nn.Sequential(scaled, nn.Neuron(2, "tanh", weights=[0.5, 0.25]))(inputs)
    output.backward()
    for text in (to_text(output), draw(output).source, str(explain(output))):
        assert "height" in text
        assert "170" in text and "13" in text
    assert "neuron" in draw(output, detail="neuron").source


def test_a_sequence_of_modules_and_functions() -> None:
    layers = [nn.Layer(2, 3, "linear", rng=random.Random(0)), nn.Layer(3, 1, "linear", rng=random.Random(1))]
    ours = nn.Sequential(layers[0], lambda outputs: [x.tanh() for x in outputs], layers[1])
    network = nn.MLP(2, [3, 1], "tanh")
    for p, q in zip(network.parameters(), ours.parameters(), strict=True):
        p.data = q.data
    assert ours([0.5, -1.0]).data == network([0.5, -1.0]).data
    assert nn.Sequential(layers)([0.5, -1.0]).data == layers[1](layers[0]([0.5, -1.0])).data
    with pytest.raises(TypeError, match="is a function, which hides what it uses"):
        nn.Sequential(lambda x: layers[0](x)[:1]).parameters()


@pytest.mark.parametrize(
    "modules, kind", [((), ValueError), (([],), ValueError), ((3,), TypeError), ((nn.MLP,), TypeError)]
)
def test_what_is_no_sequence(modules: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        nn.Sequential(*modules)


def test_the_summary_of_a_large_sequence() -> None:
    large = nn.Sequential(nn.Standardize([0.0, 0.0], [1.0, 1.0]), nn.MLP(2, [16, 1]))
    assert repr(large).splitlines() == [
        "Sequential with 65 parameters",
        "  module1: Standardize(2)",
        "  module2: MLP with 65 parameters",
        "    layer1: 16 ReLUNeuron(2), 48 parameters",
        "    layer2: 1 LinearNeuron(16), 17 parameters",
    ]


@pytest.mark.parametrize("make", [list, np.array])
def test_the_advice_for_missing_numbers_keeps_targets_with_their_samples(make: Any) -> None:
    xs, ys = make([[22.0, 7.0], [math.nan, 8.0], [30.0, 9.0]]), [0, 1, 2]
    with pytest.raises(ValueError, match="lack a number") as caught:
        nn.Standardize.of(xs)
    for targets in (ys, np.array(ys), tuple(ys)):
        lines = [line[4:] for line in str(caught.value).split("\nWrite\n")[1].splitlines()]
        names = {"xs": xs}
        exec("\n".join(lines), names)  # there may be no targets yet
        assert nn.Standardize.of(names["xs"]).mean == [26.0, 8.0]
        names = {"xs": xs, "ys": targets}
        exec("\n".join(line.removeprefix("# if there are targets: ") for line in lines), names)
        assert nn.Standardize.of(names["xs"]).mean == [26.0, 8.0]
        assert list(names["ys"]) == [0, 2]


# ------------------------------------------------------------------------------------------------ operations in between


@pytest.mark.parametrize("tanh", [autograd.tanh, "tanh", "Tanh", functools.partial(autograd.tanh)])
def test_an_operation_applies_to_each_number(tanh: Any) -> None:
    layers = [nn.Layer(2, 3, "linear"), nn.Layer(3, 1, "linear")]
    ours, network = nn.Sequential(layers[0], tanh, layers[1]), nn.MLP(2, [3, 1], "tanh")
    for p, q in zip(network.parameters(), ours.parameters(), strict=True):
        p.data = q.data
    assert ours([0.5, -1.0]).data == network([0.5, -1.0]).data
    assert ours.predict([[0.5, -1.0], [1.0, 2.0]]) == network.predict([[0.5, -1.0], [1.0, 2.0]])


def test_what_an_operation_gets() -> None:
    x, y = Value(0.5), Value(-2.0)
    for function, inputs, want in [
        ("relu", [x, y], [0.5, 0.0]),
        ("neg", [x, 2.0], [-0.5, -2.0]),
        (autograd.abs, y, 2.0),
        (autograd.abs, [[x], (y, x)], [[0.5], (2.0, 0.5)]),
        (autograd.abs, np.array([x, y]), [0.5, 2.0]),
        (autograd.abs, np.array([[-1.0, 2.0]]), [[1.0, 2.0]]),
        (autograd.leaky_relu, [y, x], [-0.02, 0.5]),
        (functools.partial(autograd.leaky_relu, slope=0.5), [y, x], [-1.0, 0.5]),
        (autograd.sum, [x, y], -1.5),  # of a list
        (autograd.max, [x, y, 0.25], 0.5),
        (autograd.min, [x, y], -2.0),
        (autograd.mean, [x, y], -0.75),
        (lambda outputs: outputs[::-1], [x, y], [-2.0, 0.5]),
        (nn.Layer(2, 1, squeeze=False), [0.0, 0.0], [0.0]),
    ]:
        assert tree_map(float_of, nn.Sequential(function)(inputs)) == want


def test_a_function_of_ones_own_for_one_number_says_what_it_got() -> None:
    def halved(x: Any) -> Any:
        return x / 2

    for function, name in ((halved, "halved"), (lambda v: v.tanh(), "<lambda>")):
        with pytest.raises((TypeError, AttributeError)) as caught:
            nn.Sequential(nn.Layer(2, 3), function)([0.5, 1.0])
        [note] = caught.value.__notes__
        assert note.startswith(f"{name} got a list of 3 outputs")
        advice = eval(note.partition("write ")[2], {"f": function})
        assert len(nn.Sequential(nn.Layer(2, 3), advice)([0.5, 1.0])) == 3
    with pytest.raises(AttributeError) as caught:
        nn.Sequential(function)("no list")
    assert not hasattr(caught.value, "__notes__")


def test_names_of_operations() -> None:
    wrong: list[Any] = ["tahn", "linear", "softmax"]
    for name, said in zip(wrong, ["unknown activation 'tahn'", "leave it out", "leave the last layer"], strict=True):
        with pytest.raises(ValueError, match=said):
            nn.Sequential(nn.Layer(2, 3), name)
    ours = nn.Sequential("floor", autograd.tanh, float_of, functools.partial(autograd.elu, alpha=2.0))
    assert ours.modules[0] is autograd.floor
    assert repr(ours).startswith("Sequential of [floor, tanh, float_of, functools.partial(<operation elu: ")


def normalised() -> nn.Sequential:
    layers = nn.Layer(2, 4, "linear"), nn.LayerNorm(4, eps=1e-3), autograd.tanh, nn.Dropout(0.25)
    return nn.Sequential(nn.Standardize([1.0, 2.0], [3.0, 4.0]), *layers, "LeakyReLU", nn.Layer(4, 1, squeeze=False))


def test_a_sequence_with_operations_comes_back_from_its_file(tmp_path: Path) -> None:
    ours, path, xs = normalised().eval(), tmp_path / "model.json", [[0.5, -1.0], [2.0, 3.0]]
    for p in ours.parameters():
        p.data += random.random()
    ours.save(path)
    assert json.loads(path.read_text())["architecture"]["modules"][3] == "tanh"
    for twin in (nn.load(path), copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        twin.eval()
        assert repr(twin) == repr(ours) and twin.modules[3] is autograd.tanh
        assert twin.predict(xs) == ours.predict(xs) and len(twin.predict(xs)[0]) == 1
        assert list(dict(twin.named_parameters())) == list(dict(ours.named_parameters()))
    norm, dropout = twin.modules[2], twin.modules[4]
    assert isinstance(norm, nn.LayerNorm) and norm.eps == 1e-3
    assert isinstance(dropout, nn.Dropout) and dropout.p == 0.25
    other = normalised().eval()
    other.load(path)
    assert other.predict(xs) == ours.predict(xs)


def test_an_operation_of_ones_own_is_defined_before_the_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    try:
        cubed = Op("cubed({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
        ours = nn.Sequential(nn.Layer(1, 2, "linear"), cubed)
        ours.save(path)
        assert nn.load(path).predict([[2.0]]) == ours.predict([[2.0]])
    finally:
        del TABLE["cubed"]
        delattr(Value, "cubed")
    with pytest.raises(ValueError, match="no operation 'cubed': if it is one of your own, define it before you load"):
        nn.load(path)
    assert ours.architecture() is None  # by this name there is none any more
    for function, said in (
        (lambda x: x, "<lambda>"),
        (functools.partial(autograd.elu, alpha=2.0), "functools"),
    ):
        nn.Sequential(nn.Neuron(1), function).save(path)
        with pytest.raises(ValueError, match=f"no architecture, because of Sequential, with the function {said}"):
            nn.load(path)


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax, autograd.logsumexp, autograd.mean])
def test_functions_of_a_list_come_back_from_a_file(function: Any, tmp_path: Path) -> None:
    ours = nn.Sequential(nn.Layer(2, 3, "linear"), function)
    ours.save(tmp_path / "model.json")
    twin = nn.load(tmp_path / "model.json")
    assert twin.modules[1] is function and twin.predict([[0.5, 1.0]]) == ours.predict([[0.5, 1.0]])


def test_a_part_without_an_architecture_is_named(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __call__(self, x: Any) -> Any:
            return x

    shared = nn.Layer(2, 2)
    for part, said in (([Own()], "Own, which has no architecture"), ([shared, shared], "Layer, which occurs twice")):
        nn.Sequential(nn.Layer(2, 2), *part).save(tmp_path / "model.json")
        with pytest.raises(ValueError, match=f"because of {said}"):
            nn.load(tmp_path / "model.json", classes=[Own])


REFUSED: dict[str, tuple[Any, str]] = {
    "hypot": (
        autograd.hypot,
        r"^hypot takes x and y, but a module of a sequence gets .* lambda xs: hypot\(xs\[0\], xs\[",
    ),
    "sub": (autograd.ops.sub, "^sub takes x and y, but"),
    "where": (autograd.where, "^where takes c, x and y, but|^where takes condition"),
    "dot": (autograd.dot, "^dot takes xs and ys, but"),
    "a name": ("sub", "^sub takes x and y, but"),
    "a loss": (nn.mse, r"^mse takes outputs and targets, .* A loss is passed to fit$"),
    "a function": (lambda x, y: x, "^<lambda> takes x and y, but"),
    "no argument": (lambda: 1.0, "^<lambda> takes something else, but"),
    "math": (math.tanh, r"^math\.tanh takes a number, and returns one that remembers nothing: write autograd\.tanh$"),
    "names": ({"first": nn.Layer(2, 1)}, r"no names: pass a list, list\(modules\.values\(\)\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_sequence_could_never_call_is_refused(kind: str) -> None:
    module, said = REFUSED[kind]
    with pytest.raises(TypeError, match=said):
        nn.Sequential(module)


def test_a_sequence_is_one_of_modules() -> None:
    model = nn.Sequential(nn.Layer(2, 3), autograd.tanh, nn.Layer(3, 1))
    assert len(model) == 3 and list(model) == model.modules and model
    assert model[0] is model.modules[0] and model[-1] is model.modules[2]
    assert model[1:](model[:1]([0.5, 1.0])).data == model([0.5, 1.0]).data
    for of_a_list in (autograd.sum, autograd.largest, autograd.max):
        assert nn.Sequential(autograd.leaky_relu, of_a_list, "relu").predict([[1.0]]) == [1.0]


# ------------------------------------------------------------------------------------------------ LayerNorm and Dropout


@pytest.mark.parametrize("n", [1, 2, 5])
def test_layer_norm_and_its_gradients_are_those_of_the_formula_at_30_digits(n: int) -> None:
    def sum_of_squares(*numbers: Any) -> Any:
        xs, gains, biases = numbers[:n], numbers[n : 2 * n], numbers[2 * n :]
        mean = sum(xs) / n
        deviation = mp.sqrt(sum((x - mean) ** 2 for x in xs) / n + mp.mpf("1e-5"))
        outputs = [(x - mean) / deviation * gain + bias for x, gain, bias in zip(xs, gains, biases, strict=True)]
        return sum(y * y for y in outputs)

    rng = random.Random(n)
    ours, values = nn.LayerNorm(n), [Value(rng.uniform(-3, 3)) for _ in range(n)]
    for p in ours.parameters():
        p.data = rng.uniform(-3, 3)
    leaves = [*values, *ours.parameters()]
    outputs = ours(values)
    total = autograd.dot(outputs, outputs)
    total.backward()
    at = tuple(mp.mpf(v.data) for v in leaves)
    with mp.workdps(30):
        assert total.data == pytest.approx(float(sum_of_squares(*at)), rel=1e-13)
        for i, v in enumerate(leaves):
            slope = mp.diff(sum_of_squares, at, tuple(int(i == k) for k in range(3 * n)))
            assert v.grad == pytest.approx(float(slope), rel=1e-11, abs=1e-11)


def test_layer_norm_of_a_number_alone() -> None:
    alone = nn.LayerNorm(1)
    alone.bias[0].data = 0.5
    assert alone(Value(3.0)).data == alone(3.0).data == 0.5


def test_layer_norm_has_names_and_says_what_it_takes(tmp_path: Path) -> None:
    norm = nn.LayerNorm(2)
    assert [name for name, _ in norm.named_parameters()] == ["gain1", "gain2", "bias1", "bias2"]
    assert [p.label for p in norm.parameters()] == ["gain1", "gain2", "bias1", "bias2"]
    with pytest.raises(ValueError, match="takes 2 inputs, got 3"):
        norm([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="at least one input, got n=0"):
        nn.LayerNorm(0)
    for eps in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="eps is a small positive number"):
            nn.LayerNorm(2, eps)
    norm.save(tmp_path / "norm.json")
    document = json.loads((tmp_path / "norm.json").read_text())
    for wrong in (0, -1, 10**9, "3", None):
        document["architecture"]["n"] = wrong
        (tmp_path / "norm.json").write_text(json.dumps(document))
        with pytest.raises(ValueError, match="cannot load"):
            nn.load(tmp_path / "norm.json")


def test_dropout_drops_a_share_and_keeps_the_mean() -> None:
    random.seed(0)
    dropout, xs = nn.Dropout(0.25), [Value(3.0) for _ in range(2_000)]
    outputs = dropout(xs)
    dropped = sum(y.data == 0.0 for y in outputs)
    assert {y.data for y in outputs} == {0.0, 4.0} and 400 < dropped < 600  # 5 standard deviations of 19
    autograd.sum(outputs).backward()
    assert [x.grad for x in xs] == [y.data / 3 for y in outputs]
    assert [y.data for y in dropout(xs)] != [y.data for y in outputs]  # drawn anew
    assert dropout.eval()(xs) is xs and nn.Dropout(0.0)(xs) is xs
    assert dropout.train().training


def test_dropout_keeps_the_nesting_and_passes_nothing_where_it_drops() -> None:
    dropout = nn.Dropout(0.5)
    with drawing_from(lambda n: [Value(0.25), Value(0.75), Value(0.75)][:n]):
        a, b, c = Value(math.inf), Value(-2.0), Value(1.0)
        outputs = dropout([a, (b, [c])])
        assert tree_map(float_of, outputs) == [0.0, (-4.0, [2.0])]
        outputs[0].backward()
        assert a.grad == 0.0
        assert dropout(3.0).data == 0.0
        assert [y.data for y in dropout(np.array([1.0, 2.0]))] == [0.0, 4.0]
    for p in (1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="p is the share to drop, from 0 to less than 1"):
            nn.Dropout(p)


def test_predictions_and_validation_drop_nothing() -> None:
    random.seed(0)
    ours, xs = normalised(), [[0.5, -1.0], [2.0, 3.0]]
    assert ours.training
    predicted = ours.predict(xs)
    held_out = [[0.25], [0.5]]
    options: dict[str, Any] = {"loss": "mse", "optimizer": optim.SGD(0.0), "epochs": 3, "progress": False, "seed": 0}
    history = fit(ours, xs, held_out, validation=(xs, held_out), **options)
    assert len(set(history.losses)) > 1  # other numbers are dropped in each epoch, while nothing is learned
    assert history.validation_losses == pytest.approx([nn.mse(predicted, held_out)] * 3, rel=1e-12)
    ours.eval()
    assert predicted == [[y.data for y in ours(x)] for x in xs] == ours.predict(xs)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_dropout_is_trained_alike_in_every_backend(backend: str) -> None:
    def trained(backend: str) -> tuple[list[float], list[float]]:
        random.seed(0)
        model = normalised()
        xs = [[random.random(), random.random()] for _ in range(8)]
        ys = [[x - y] for x, y in xs]
        options: dict[str, Any] = {"loss": "mse", "optimizer": optim.Adam(0.01), "epochs": 2, "progress": False}
        history = fit(model, xs, ys, batch_size=1, seed=1, backend=backend, **options)
        return history.losses, [p.data for p in model.parameters()]

    assert trained(backend) == trained("eager")


def test_a_sequence_can_be_drawn_explained_and_compiled() -> None:
    ours = normalised().eval()
    inputs = [Value(0.5), Value(-1.0)]
    [output] = ours(inputs)
    output.backward()
    assert "tanh" in to_text(output) and "gain1" in draw(output).source and "sqrt" in str(explain(output))
    autograd.check_gradients(output)
    for backend in BACKENDS:
        assert autograd.compile([output], (inputs,), backend=backend)([0.5, -1.0]) == [output.data]
