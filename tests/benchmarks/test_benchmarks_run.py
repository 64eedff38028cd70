"""Check that the eager benchmark runs and compares like with like: every engine finds the same loss and gradients.

Nothing here depends on time; `eager.py` measures.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from cases import cases
from needs import lacking

# The benchmarks are scripts that import each other by name, as `python tests/benchmarks/eager.py` finds them.
sys.path.insert(0, str(Path(__file__).parent))

import eager
import turns
import watching
import workloads

REFERENCE = "stored gradients"


@pytest.fixture(autouse=True)
def without_the_collector() -> Iterator[None]:
    """Switch the collector off: it would walk the peers' cycles again and again, in ten times the time."""
    gc.disable()
    yield
    gc.enable()


def need(engine: str) -> None:
    """Skip the test if a peer is not installed."""
    if not eager.installed(engine):
        # These may be missing where nothing else may: peers without wheels for every Python, a checkout, the core.
        if engine in ("minigrad", "XAD") or engine.startswith(("autograd before", "autograd, native")):
            pytest.skip(f"{engine} is not installed")
        lacking(f"{engine} is not installed: {eager.INSTALL}")


@cache  # the reference is compared with each engine
def first_step(workload: str, engine: str) -> tuple[float, list[float]]:
    """Compute the loss of the first step and the gradients of all parameters."""
    if environment := workloads.environment(engine):  # another engine of ours than the one of this process
        loss, gradients = turns.run(eager.__file__, "first step", workload, engine, environment=environment)
        return loss, gradients
    return workloads.with_deep_stack(lambda: eager.first_step(workload, engine))


APART = ("autograd before", "autograd, pure", "autograd, native")
"""Engines that run in a process of their own, as `workloads.environment` says."""
PAIRS = sorted({(c.workload, engine) for c in eager.CONTESTS.values() for engine in c.engines if engine != REFERENCE})


@pytest.mark.parametrize(
    ("workload", "engine"),
    cases(
        [pair for pair in PAIRS if not pair[1].startswith(APART)],
        campaign=[pair for pair in PAIRS if pair[1].startswith(APART)],
    ),
)
def test_engines_agree(workload: str, engine: str) -> None:
    need(engine)
    loss, gradients = first_step(workload, engine)
    expected_loss, expected_gradients = first_step(workload, REFERENCE)
    assert loss == pytest.approx(expected_loss, rel=1e-9)
    if engine == eager.FLOATS:
        expected_gradients = []
    # Gradients are sums of terms of either sign, so a small one is only as exact as the largest.
    scale = max(map(abs, expected_gradients), default=0.0)
    assert gradients == pytest.approx(expected_gradients, rel=1e-9, abs=1e-12 * scale)


def test_demo_is_micrograds_network() -> None:
    """The same seed gives the same parameters and scores: the demo stands in for `micrograd.nn.MLP`."""
    need("micrograd")
    engine = workloads.load("micrograd")
    demo = workloads.Demo(engine, seed=1337)
    random.seed(1337)
    model = import_module("micrograd.nn").MLP(2, [16, 16, 1])
    assert [p.data for p in demo.parameters] == [p.data for p in model.parameters()]
    for point in demo.points:
        inputs = [engine.value(x) for x in point]
        assert demo.score(inputs).data == model(inputs).data


def test_atomic_graphs_have_the_peers_nodes() -> None:
    """Our graphs are micrograd's, node by node, except for constants, which are Values there and floats here."""
    need("micrograd")

    def nodes(name: str) -> int:
        engine = workloads.load(name)
        return workloads.count_nodes(engine, workloads.Demo(engine).loss())

    constants = 2 * 100 + 4  # 1 and the label in the hinge of each point; two starts of sums, 1 / 100 and 1e-4
    assert nodes("micrograd") == nodes("autograd, atomic") + constants


def losses(engine: str, steps: int) -> list[float]:
    program = workloads.demo(workloads.load(engine))
    return [program.step() for _ in range(steps)]


def test_a_tape_trains_as_the_demo_does() -> None:
    need("XAD")
    assert losses("XAD", 3) == pytest.approx(losses("autograd, atomic", 3), rel=1e-9)


def test_plain_floats_compute_the_loss_and_learn_nothing() -> None:
    assert losses(eager.FLOATS, 2) == pytest.approx(2 * losses("autograd, atomic", 1), rel=1e-9)


@pytest.mark.campaign
@pytest.mark.parametrize("collector", eager.MODES)
def test_steps_are_timed_in_a_child(collector: str) -> None:
    runner = turns.Runner(eager.__file__, "steps", "demo", "autograd, fused", collector)
    try:
        for _ in range(2):
            (seconds,) = runner.turn(0.0)
            assert seconds > 0
    finally:
        runner.end()


@pytest.mark.campaign
def test_bytes_and_depth_are_measured_in_a_child() -> None:
    pure = workloads.environment(eager.PURE)  # tracemalloc does not see the native core's nodes
    size = turns.run(eager.__file__, "bytes", "chain", eager.PURE, "tracemalloc", 1000, environment=pure)
    assert size["nodes"] == 1002 and size["built"] > 0 and size["after"] > 0
    for graph in ("chain", "sum"):
        times = turns.run(eager.__file__, "depth", graph, "autograd, atomic", "on", 1000)
        assert set(times) == {"forward", "backward", "free"}


@pytest.mark.campaign
@pytest.mark.skipif(not eager.LINUX, reason="there is no /proc")
def test_memory_is_watched_in_a_child() -> None:
    found = turns.run(eager.__file__, "memory", "autograd, atomic", 10, 50_000)
    assert found["with a large one"] > found["after all"] + 1


def test_recordings_are_timed_without_what_frees_them() -> None:
    recording = eager.Recording(workloads.demo(workloads.load("autograd, fused")))
    recording.step()
    assert recording.graph.data == losses("autograd, fused", 1)[0]
    recording.forget()
    assert recording.graph is None


@pytest.mark.campaign
def test_each_engine_of_ours_runs_in_a_process_of_its_own() -> None:
    code = "import autograd.engine; assert not getattr(autograd.engine, 'NATIVE', False)"
    assert turns.runs(code, workloads.environment(eager.PURE))
    assert not turns.runs("import workloads; workloads.load('autograd, native, atomic')", {"AUTOGRAD_PURE": "1"})


def test_an_earlier_version_is_imported_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "autograd.py").write_text("class Value:\n    earlier = True\n")
    monkeypatch.setitem(workloads.FOLDERS, "before", str(tmp_path))
    code = "import workloads; assert workloads.load('autograd before, atomic').value.earlier"
    assert turns.runs(code, workloads.environment(eager.BEFORE))


def test_ratios_stand_beside_their_goals() -> None:
    times = {("peer", "on"): [[3.0, 5.0]], ("ours", "on"): [[0.25]], ("peer", "off"): [[1.0]]}
    goal = eager.Goal("peer ÷ ours", "demo", "peer", "ours", ("≥ 10", "≥ 2"))
    assert goal.row({"demo": times}) == ("peer ÷ ours", "16", "≥ 10", "not measured", "≥ 2")
    for goal in eager.GOALS:
        assert {goal.one, goal.other} <= set(eager.CONTESTS[goal.contest].engines)


def test_figures_of_large_graphs_stand_beside_their_goals() -> None:
    depths: eager.Depths = {
        ("chain", eager.NATIVE, mode): {"together": seconds} for mode, seconds in (("on", 0.08), ("off", 0.07))
    }
    sizes: eager.Sizes = {
        ("chain", eager.NATIVE, "resident"): {"nodes": 1e6, "built": 81.4, "peak": None, "after": 88.6}
    }
    megabytes = {eager.NATIVE: {"first": 20.0, "all": 20.5, "kept": 21.0, "large": 101.0, "gone": 22.5}}

    def rows(depths: eager.Depths, sizes: eager.Sizes, megabytes: dict[str, dict[str, float]]) -> list[list[str]]:
        lines = eager.large_goals_table(depths, sizes, megabytes, 10_000, 1_000_000).splitlines()[2:]
        return [[cell.strip() for cell in line.split("|")[2:4]] for line in lines]

    assert rows(depths, sizes, megabytes) == [
        *(["80", "≤ 100"], ["70", "≤ 100"], ["81", "≤ 90"], ["89", "≤ 90"]),
        *(["+0.5", "flat"], ["80.0, 1.5", "returned to the system"]),
    ]
    assert {figure for figure, _ in rows({}, {}, {})} == {"not measured"}


@pytest.mark.campaign
@pytest.mark.skipif(not eager.LINUX, reason="there is no /proc")
def test_the_figures_are_those_that_the_children_measure() -> None:
    """The names and the order of the figures in the table of goals are those of the measurements."""
    found = turns.run(eager.__file__, "memory", "autograd, atomic", 10, 1000)
    assert [*found][1:] == ["after all", "again, a leaf of each kept", "with a large one", "when it is gone"]


def test_table_is_aligned() -> None:
    assert turns.table(("engine", "ms"), [("ours", "1.5"), ("theirs", "20.25")]).splitlines() == [
        "| engine |    ms |",
        "|--------|------:|",
        "| ours   |   1.5 |",
        "| theirs | 20.25 |",
    ]


@pytest.mark.campaign
def test_the_cost_of_watching_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(watching, "ROUNDS", 1)
    watching.main()
    assert capsys.readouterr().out.count("watched") == 2


def test_times_are_compared_in_words() -> None:
    times = {"A": 31.91, "B": 1.05, "C": 1.0, "D": 0.5}
    assert turns.in_words("ours", times) == (
        "A takes 32 times as long as ours and B 1.1 times. C takes about as long as ours. "
        "ours takes 2.0 times as long as D."
    )
    assert turns.in_words("ours", {}) == ""


def test_steps_are_compared_within_one_mode_of_the_collector() -> None:
    medians = {("peer", "on"): 3.0, ("ours", "on"): 1.0, ("peer", "off"): 0.5, ("ours", "off"): 1.0}
    medians |= {("autograd, pure, atomic", mode): 2.0 for mode in eager.MODES}
    assert eager.steps_in_words("ours", medians, "on") == (
        "With the collector on: *peer* takes 3.0 times as long as *ours*."
    )
    assert eager.steps_in_words("ours", medians, "off") == (
        "With the collector off: *ours* takes 2.0 times as long as *peer*."
    )
