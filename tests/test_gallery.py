"""Check that each model of the gallery does all that a network does, as its page shows it."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gallery
import pytest
from gallery import IMAGES, PAGE, SECTIONS, Ran, Section
from needs import is_required, need_backend

import autograd
from autograd import Value, check_gradients, draw, nn, optim
from autograd.hints import NETWORKS
from autograd.trees import tree_leaves

FEW = 3  # samples, of which each is a batch: so the bits are the same in all backends
IN_C = {"Maxout", "Attention", "Two tasks", "Physics-informed network", "Energy-based model", "Dropout", "Deep sets"}
"""Those that are compiled to C everywhere: choices, nests, second derivatives, draws, lengths.

The others take a fifth of a second each, and are compiled to C where nothing may be missing.
"""


@pytest.fixture(scope="module", params=SECTIONS, ids=lambda section: section.name)
def section(request: pytest.FixtureRequest) -> Section:
    chosen: Section = request.param
    return chosen


@pytest.fixture(scope="module")
def trained(section: Section) -> Ran:
    """Train a model as the page says."""
    ran = gallery.run(section, backend="python")
    ran.model.eval()
    return ran


def numbers(tree: Any) -> list[float]:
    """Return the numbers of nested outputs: Values, or what `predict` returned."""
    leaves = list(tree.values()) if isinstance(tree, dict) else tree_leaves(tree)
    return [v.data if type(v) is Value else v for v in leaves]


def called(model: Any, xs: Sequence[Any]) -> list[list[float]]:
    return [numbers(model(gallery.labelled(x, "x"))) for x in xs]


def predicted(model: Any, xs: Sequence[Any], backend: str) -> list[list[float]]:
    """Return the outputs for each sample, whatever their nesting."""
    return [numbers(model.predict([x], backend=backend)) for x in xs]


def test_it_learns(trained: Ran) -> None:
    if trained.history is None:
        first, last = trained.module.rewards[:100], trained.module.rewards[-100:]
        assert sum(last) > 2 * sum(first)
    else:
        assert trained.history.losses[-1] < 0.6 * trained.history.losses[0]


@pytest.mark.slice(most=12)
def test_all_backends_compute_the_same_bits(section: Section) -> None:
    """Losses and parameters after a few steps, of one sample each."""
    results = {}
    for backend in ("eager", "python", "numpy", *(["c"] if section.title in IN_C or is_required() else [])):
        need_backend(backend)
        ran = gallery.run(section, backend, few=FEW, epochs=2, batch_size=1, seed=0)
        if ran.history is None:
            pytest.skip("it is trained in a loop of its own, which compiles nothing")
        results[backend] = ran.history.losses, [p.data for p in ran.model.parameters()]
    assert all(result == results["eager"] for result in results.values())


@pytest.mark.parametrize("backend", ["python", "numpy"])
def test_predictions_are_those_of_calls(trained: Ran, backend: str) -> None:
    few = trained.xs[:FEW]
    assert predicted(trained.model, few, backend) == called(trained.model, few)


def test_a_file_and_copies_hold_the_whole_model(
    section: Section, trained: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = trained.xs[:FEW]
    expected = called(trained.model, few)
    anew = gallery.run(section, None).model.eval()
    for i, p in enumerate(anew.parameters()):
        p.data += 0.1 * i
    assert called(anew, few) != expected
    trained.model.save(tmp_path / "model.json")
    anew.load(tmp_path / "model.json")
    monkeypatch.setitem(sys.modules, trained.module.__name__, trained.module)  # where pickle looks for its classes
    for twin in (anew, copy.deepcopy(trained.model), pickle.loads(pickle.dumps(trained.model))):
        assert called(twin, few) == expected
        assert [name for name, _ in twin.named_parameters()] == [name for name, _ in trained.model.named_parameters()]


def test_a_call_does_not_change_what_is_trained(section: Section) -> None:
    ran = gallery.run(section, None)
    before = dict(ran.model.named_parameters())
    assert all(p.label == name for name, p in before.items())  # so drawings and errors name them by their paths
    called(ran.model, ran.xs[:1])
    assert dict(ran.model.named_parameters()) == before
    assert len(before) == len(ran.model.parameters())


def test_the_pictures_are_fresh(section: Section) -> None:
    """But for the numbers in them, and the places, which differ with the version of Graphviz."""
    expected = gallery.nodes(gallery.picture(section))
    advice = f"run: python tests/gallery.py {section.name}"
    assert gallery.nodes_of_picture(IMAGES / f"{section.name}.svg") == expected, advice
    assert f"(images/gallery/{section.name}.svg)" in section.text


def test_the_gradients_of_a_sample_are_those_of_differences(trained: Ran) -> None:
    output = trained.model(gallery.labelled(trained.xs[0], "x"))
    if trained.loss is not None:
        output = trained.loss(output, gallery.labelled(trained.ys[0], "y"))
    loss = tree_leaves(output)[0]
    assert len(check_gradients(loss, trained.model.parameters())) == len(trained.model.parameters())


@pytest.mark.slice(most=12)
def test_coarser_drawings_have_fewer_nodes(trained: Ran) -> None:
    output = tree_leaves(trained.model(gallery.labelled(trained.xs[0], "x")))[-1]
    details = ("value", "neuron", "layer")
    sizes = [len(gallery.nodes(draw(output, detail=detail, names={}, max_nodes=1_000))) for detail in details]
    assert sizes == sorted(sizes, reverse=True)


def test_the_sizes_on_the_page_are_fresh() -> None:
    assert gallery.table() in PAGE.read_text(), "run: python tests/gallery.py"


def test_advice_in_errors_names_models_of_the_gallery() -> None:
    named = {title for advice in NETWORKS.values() for title in re.findall("see (.*) in docs/gallery.md", advice)}
    assert len(named) > 5
    assert named <= {section.title for section in SECTIONS}


def test_what_is_written_in_place_of_pytorch_runs() -> None:
    rows = re.findall(r"^\| `[^|]*\| `([^`]*)`", (PAGE.parent / "own-modules.md").read_text(), re.MULTILINE)
    assert len(rows) > 15
    part, head = nn.Layer(2, 2), nn.Layer(2, 1)
    model = nn.Sequential(part, head)
    names = {"autograd": autograd, "nn": nn, "optim": optim, "Value": Value, "model": model, "part": part, "t": 1}
    names |= {"parts": [part, head], "optimizer": optim.SGD(0.1), "samples": [[0.5, 1.0]]}
    names |= {"teacher": head, "table": [[0.5, 1.0], [2.0, 3.0]], "loss": nn.mse, "output": [0.5], "target": [1.0]}
    names |= {"x": [Value(0.5), Value(1.0)], "y": [Value(1.0), Value(2.0)], "W": [[0.5, 1.0], [2.0, 3.0]]}
    for code in rows:
        assert eval(code, names) is not None or "step" in code
