"""Check that the benchmark of compiled functions runs and compares like with like: all results agree.

Nothing here depends on time; `compiled.py` measures.
"""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import cases
from needs import lacking

# The benchmarks are scripts that import each other by name, as `python tests/benchmarks/compiled.py` finds them.
sys.path.insert(0, str(Path(__file__).parent))

import by_hand
import compiled
import contests
import in_c
import networks_by_hand
import recorded_networks
import workloads
from recorded_networks import MLP, Attention, Convolution

import autograd
from autograd import Value

NEVER_REQUIRED = {"torch", contests.BEFORE}  # a gigabyte, for two lines of a table; a checkout of another version


def need(needs: tuple[str, ...]) -> None:
    """Skip the test if a peer is not installed."""
    for one in needs:
        why = contests.missing(one)
        if why and one in NEVER_REQUIRED:
            pytest.skip(why)
        if why:
            lacking(why, extra=one == "jax")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Compile into a folder of this file's tests, and leave the peers' cycles to a collector that does not run."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRAD_CACHE_DIR", str(folder / "cache"))
        gc.disable()
        yield folder
        gc.enable()


@pytest.fixture(scope="module")
def expected_demo() -> list[float]:
    """Compute the loss of micrograd's demo and its gradients with another engine."""
    demo = workloads.Demo(workloads.load("stored gradients"))

    def work() -> list[float]:
        loss = demo.loss()
        loss.backward()
        return [loss.data, *(p.grad for p in demo.parameters)]

    return workloads.with_deep_stack(work)


@pytest.fixture(scope="module")
def expected(expected_demo: list[float]) -> dict[str, list[float]]:
    """Compute the numbers of each contest in an independent way: another engine, a formula, constants."""
    recorded = compiled.record_dense()
    (loss, _), (p, x, t) = recorded.outputs, recorded.inputs
    for leaves, numbers in zip((p, x, t), recorded.arguments):
        for leaf, number in zip(leaves, numbers):
            leaf.data = float(number)
    loss.forward()
    loss.backward()
    w, b = 0.4959537581015022, 0.09537581015006125  # as the second article trains them
    return {
        "demo": expected_demo,
        "training": [w, b],
        "call": [0.06699275005482735, 0.00286538703019183, 0.286538703019183],
        "two numbers": [612.5, -35.0, 1050.0],
        "smallest": [-123.0, 3.0, -41.0],
        "dense": [loss.data, *(leaf.grad for leaf in p)],
    }


@pytest.mark.parametrize(
    ("contest", "name"),
    [
        (contest, name)
        for contest, contestants in compiled.CONTESTS.items()
        for name in contestants
        if (contest, name) not in compiled.SLOW_TO_PREPARE
    ],
)
@pytest.mark.campaign
def test_contestants_agree(contest: str, name: str, expected: dict[str, list[float]], folder: Path) -> None:
    contestant = compiled.CONTESTS[contest][name]
    need(contestant.needs)
    result = contestant.flat(contestant.make(folder)())
    contests.compare(contest, {name: result, "expected": expected[contest]})
    if contest == "training" and sys.platform.startswith("linux"):
        w, b = result
        assert repr(math.tanh(w * 0.01 + b)) == compiled.TRAINED


# The networks of the page, so small that recording and compiling take no time.
SMALL: dict[str, recorded_networks.Network] = {
    "MLP": MLP((3, 2, 2, 2), samples=4),
    "convolution": Convolution(image=8, channels=(2, 3), outputs=2, samples=3),
    "attention": Attention(tokens=3, width=4, heads=2, samples=2),
}


def mean_of_graphs(network: recorded_networks.Network) -> list[float]:
    """Compute the mean loss and its gradients with a graph of its own for each sample."""
    p, x, t = recorded_networks.numbers(network)
    parameters = [Value(number) for number in p]
    losses = [network.loss(iter(parameters), *sample) for sample in zip(x.tolist(), t.tolist())]
    loss = autograd.mean(losses)
    loss.backward()
    return [loss.data, *(parameter.grad for parameter in parameters)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, one.name)
        for kind, network in SMALL.items()
        for one in compiled.network_contestants(network)
        if kind == "MLP"
        or one.name not in compiled.RIVALS  # backends have tests of their own, of all kinds of networks
    ],
)
def test_contestants_of_networks_agree(kind: str, name: str, folder: Path) -> None:
    network = SMALL[kind]
    (contestant,) = (one for one in compiled.network_contestants(network) if one.name == name)
    need(contestant.needs)
    result = contestant.flat(contestant.make(folder)())
    contests.compare(kind, {name: result, "expected": mean_of_graphs(network)})


@pytest.mark.parametrize("activation", networks_by_hand.ACTIVATIONS)
@pytest.mark.parametrize("samples", [1, 4])
def test_numpy_finds_the_same(samples: int, activation: str) -> None:
    network = MLP((3, 2, 2, 2), samples, activation)
    results = {str(tuned): contests.flat(networks_by_hand.make_numpy(network, tuned)()) for tuned in (False, True)}
    contests.compare("NumPy", {**results, "expected": mean_of_graphs(network)})


def test_the_page_has_all_kinds_of_networks() -> None:
    assert {type(network) for network in recorded_networks.NETWORKS.values()} == {*networks_by_hand.JAX}


def test_networks_are_compared_with_what_is_written_by_hand() -> None:
    times = {"jax.numpy": 1e-3, "JAX by hand": 2e-3, "JAX by hand, tuned": 8e-4, "numpy module": 3, "NumPy by hand": 4}
    result = contests.Result({name: [[seconds]] for name, seconds in times.items()}, {}, {"torch": "not installed"})
    tables = compiled.networks_tables({"MLP 64-32-10": result, "attention": result})
    ratios, microseconds = tables.split("Medians in microseconds:")
    assert cells(ratios)["MLP 64-32-10"] == ["0.5", "1.25", "1.2", "", "1.2", "0.75", "1.4", ""]
    assert cells(ratios)["attention"] == ["0.5", "1.25", "2.5", "", "", "0.75", "", ""]
    assert cells(microseconds)["attention"] == ["1000", "2000", "800", "3e+06", "4e+06"]
    assert "Left out: *torch*: not installed." in tables
    slower = result._replace(times=result.times | {"jax.numpy": [[3e-3]]})
    assert compiled.networks_in_words({"MLP 1": result, "MLP 2": slower, "attention": slower}) == (
        "Networks, recorded in scalars: *jax.numpy* takes 0.50 to 1.5 (MLP), 1.5 (attention) times as long as "
        "*JAX by hand*. *numpy module* takes 0.75 (MLP), 0.75 (attention) times as long as *NumPy by hand*."
    )


def cells(table: str) -> dict[str, list[str]]:
    """Return the rows of a table, by their first cells."""
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return {name: numbers for name, *numbers in rows}


def test_first_calls_are_compared_with_those_by_hand() -> None:
    rounds = [[0.1, 0.2, 14, 0.5, 0.25], [0.1, 0.2, 14, 0.6, 0.25], [0.1, 0.3, 14, 0.5, 0.25]]
    table, words, _ = compiled.first_calls_table({"MLP 64-32-10": rounds}, 22)
    assert cells(table)["MLP 64-32-10"] == ["14", "15", "0.100", "0.200", "0.500", "0.250", "2", "3"]
    assert cells(table)[compiled.WHOLE_DEMO] == ["22", "25", *[""] * 6]
    assert words == "Their jax.jit and first call take 2.0 (MLP) times as long as those by hand."
    assert compiled.first_calls_table({"MLP 64-32-10": []})[1] == ""  # without JAX


def test_a_module_has_no_statements_for_the_edges_of_an_image() -> None:
    recorded = recorded_networks.record(recorded_networks.NETWORKS["convolution"])
    module, exact = (
        compiled.statements(recorded_networks.compile_network(recorded, b)) for b in ("numpy module", "numpy")
    )
    assert module < exact  # where terms are added in the order of the graph, those at an edge are fewer


def test_first_calls_are_timed_and_statements_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    need(("jax",))
    monkeypatch.setitem(recorded_networks.NETWORKS, "small", SMALL["MLP"])
    monkeypatch.setattr(compiled, "stay_on_one_cpu", lambda: None)  # which this process cannot leave again
    record, compile, statements, first = compiled.time_network("small")
    assert min(record, compile, first, compiled.time_by_hand("small")) > 0
    assert 10 < statements < 30


@pytest.mark.parametrize("name", cases([in_c.DEMO], campaign=[in_c.ONE_GRAPH]))
def test_the_demo_in_c_is_the_demo(name: str, expected_demo: list[float]) -> None:
    contestant = in_c.CONTESTS[in_c.ONE_GRAPH][name]
    need(contestant.needs)
    contests.compare(name, {name: contestant.flat(contestant.make(Path())()), "expected": expected_demo})


def test_c_by_hand_for_the_value_alone_finds_the_value(expected_demo: list[float]) -> None:
    need(("backend c",))
    p, x, y = by_hand.demo_numbers()
    assert by_hand.make_value_c("demo", (p, x, y))() == pytest.approx(expected_demo[0], rel=1e-12)
    fewer = by_hand.demo_numpy(p, x[:13], y[:13])[0]  # lanes of the last vector have no sample
    assert by_hand.make_value_c("demo", (p, x[:13], y[:13]))() == pytest.approx(fewer, rel=1e-12)
    for name in in_c.VALUE_BARS.keys() - {in_c.DEMO}:
        network = recorded_networks.BATCHES[name]
        loss, _ = networks_by_hand.mlp_numpy(network, *recorded_networks.numbers(network))
        assert networks_by_hand.make_value_c(network)() == pytest.approx(loss, rel=1e-12)


def test_networks_in_c_are_those_of_the_page_and_more() -> None:
    assert {*recorded_networks.NETWORKS.items()} <= {*recorded_networks.IN_C.items()}
    assert {network.samples for name, network in recorded_networks.IN_C.items() if "one sample" in name} == {1}


def test_networks_in_c_are_compared_with_numpy_and_with_the_version_before() -> None:
    times: dict[str, list[list[float]]] = {in_c.C: [[2.0]], in_c.NUMPY: [[4.0]], in_c.NUMPY_TUNED: [[1.0]]}
    without = contests.Result(times, {}, {})
    with_before = without._replace(times=times | {in_c.C_BEFORE: [[8.0]]})
    results = {"MLP 64-32-10": without, "MLP 64-32-10, one sample": without, "attention": without}
    text, words, goals = in_c.networks_tables(results)
    assert cells(text)["MLP 64-32-10"] == ["2e+06", "4e+06", "1e+06", "0.5", "0.9", "2"]
    assert cells(text)["attention"] == ["2e+06", "4e+06", "1e+06", "0.5", "", "2"]
    assert [goal.row()[1:] for goal in goals] == [("0.5", "≤ 0.9"), ("0.5", "≤ 0.6")]
    assert words.endswith("MLPs take 0.50 times as long as NumPy by hand.")
    assert cells(in_c.networks_tables(results | {"MLP 64-32-10": with_before})[0])["MLP 64-32-10"][-1] == "0.25"


def test_value_and_gradients_are_compared_with_the_value_alone() -> None:
    found = contests.Result({in_c.C: [[6.0]], in_c.VALUE_ALONE: [[3.0]]}, {}, {})
    absent = contests.Result({in_c.VALUE_ALONE: [[3.0]]}, {}, {})
    text, words, goals = in_c.values_tables({in_c.DEMO: found, "MLP 64-32-10": absent})
    assert cells(text)[in_c.DEMO] == ["6e+06", "3e+06", "2", "2.5"]
    assert [goal.row()[1:] for goal in goals] == [("2", "≤ 2.5"), ("not measured", "≤ 2")]
    assert words == "Value and all gradients take 2.0 (micrograd's demo) times as long as the value alone in C by hand."


def test_first_results_are_compared_with_those_before() -> None:
    largest = in_c.LARGEST
    text, words, goals = in_c.first_results_table({largest: [[0.5, 2.0, 1.0, 0.5, 8.0, 4.0]], "x": [[0.1, 1, 1.5] * 2]})
    assert cells(text)[largest] == ["0.500", "2.000", "1.000", "8.000", "0.25"]
    assert [goal.row()[1:] for goal in goals] == [("0.25", "≤ 0.5"), ("1.5", "≤ 2")]
    assert words.endswith(f"after at most 2.0 s ({largest}); the compiler takes at most 1.5 s of it.")
    text, _, goals = in_c.first_results_table({largest: [[0.5, 2.0, 1.0]]})
    assert cells(text)[largest] == ["0.500", "2.000", "1.000"]
    assert goals[0].row()[1] == "not measured"


def test_a_graph_of_all_samples_is_compared_with_one_that_is_called_with_them() -> None:
    result = contests.Result({in_c.DEMO: [[2.0]], in_c.ONE_GRAPH: [[3.0]]}, {}, {})
    first = {in_c.DEMO: [[0.1, 1.0, 0.5]], in_c.ONE_GRAPH: [[0.1, 4.0, 0.5]]}
    text, words, goals = in_c.one_graph_table(result, first)
    assert cells(text)["ratio"] == ["1.5", "4"] and cells(text)["bar"] == ["1.3", "2"]
    assert [goal.row()[1:] for goal in goals] == [("1.5", "≤ 1.3"), ("4", "≤ 2")]
    assert "takes 1.5 times as long as recorded once, and its first result 4 times" in words


def test_the_c_compilers_share_of_a_first_result_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(("backend c",))
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(in_c.PROBLEMS, "small", lambda: in_c.problem_of(SMALL["MLP"]))
    recording, together, compiler = in_c.time_first_result("small")
    assert recording > 0 and together > 0
    assert compiler > 0 or sys.platform == "win32"  # which does not count the time of other processes
    assert in_c.time_first_result("small")[2] < compiler or sys.platform == "win32"  # from the cache


def test_the_c_that_is_compiled_computes_what_numpy_by_hand_does() -> None:
    need(("backend c",))
    problem = in_c.problem_of(SMALL["MLP"])
    result = contests.flat(problem.compile()(*problem.arguments))
    contests.compare("small", {"c": result, "expected": mean_of_graphs(SMALL["MLP"])})


def test_goals_are_shown_with_what_was_found() -> None:
    goals = [contests.Goal("one", 0.512345, "≤ 1"), contests.Goal("two", None, "≤ 2")]
    assert cells(compiled.goals_table(goals))["one"] == ["0.512", "≤ 1"]
    assert cells(compiled.goals_table(goals))["two"] == ["not measured", "≤ 2"]
    assert compiled.goals_table([]) == ""


def test_an_earlier_version_runs_from_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads, "FOLDERS", {})
    contests.missing.cache_clear()
    assert "before=FOLDER" in contests.missing(contests.BEFORE)
    monkeypatch.setitem(workloads.FOLDERS, "before", "elsewhere")
    contests.missing.cache_clear()
    assert not contests.missing(contests.BEFORE)
    assert contests.environment((contests.BEFORE,))["PYTHONPATH"].startswith("elsewhere")
    assert "PYTHONPATH" not in contests.environment()
    contests.missing.cache_clear()


def test_a_contestant_with_another_result_is_found_out() -> None:
    contests.compare("demo", {"ours": [1.0, 2.0 + 1e-9], "theirs": [1.0, 2.0]})
    for wrong in ([1.0, 2.0 + 1e-7], [1.0], [1.0, math.nan]):
        with pytest.raises(SystemExit, match="ours and theirs find different results"):
            contests.compare("demo", {"ours": wrong, "theirs": [1.0, 2.0]})


@pytest.mark.campaign
def test_the_c_by_hand_has_no_warnings(tmp_path: Path) -> None:
    need(("cc",))
    flags = f"{by_hand.C_FLAGS} -Wall -Wextra -Werror"
    assert by_hand.build_c(tmp_path, flags).train_neuron
    assert by_hand.build_c(tmp_path, flags, by_hand.VALUES_SOURCE).value_demo


def test_contestants_are_compared_in_words() -> None:
    result = contests.Result({"ours": [[1.0], [1.0]], "theirs": [[4.0], [6.0]]}, {}, {"peer": "not installed"})
    assert result.in_words("ours", "theirs", "peer") == "*theirs* takes 5.0 times as long as *ours*."
    assert result.in_words("theirs", "ours") == "*theirs* takes 5.0 times as long as *ours*."
    assert result.in_words("ours", "peer") == ""  # left out: nothing is said
    assert "Left out: *peer*: not installed." in contests.times_table(result, "ms", "ours")
    assert result.fastest("peer", "theirs", "ours") == "ours"


def test_compiling_is_described_in_words() -> None:
    seconds = {("demo", "c", "new"): 0.519, ("demo", "c", "kept"): 0.0365, ("demo", "numpy", ""): 0.0224}
    assert compiled.compiling_in_words(seconds) == (
        "The demo network is recorded, compiled and called once in "
        "0.52 s with c and a new cache, 0.036 s with c and a warm cache, 0.022 s with numpy."
    )


@pytest.mark.slice
@pytest.mark.parametrize("backend", compiled.BACKENDS)
@pytest.mark.parametrize(("recording", "size"), [("demo", ()), ("straight line", (100,))])
def test_compiling_is_timed(recording: str, size: tuple[int, ...], backend: str) -> None:
    need((f"backend {backend}",))
    parts = compiled.time_compiling(recording, backend, *size)
    assert len(parts) == 3 and min(parts) > 0


@pytest.mark.campaign
def test_compiling_is_timed_in_a_child_with_a_new_cache_and_again() -> None:
    need(("backend c",))
    seconds = compiled.compile_seconds("straight line", "c", ("new", "kept"), 100)
    assert {cached: len(parts) for cached, parts in seconds.items()} == {"new": 3, "kept": 3}
    assert all(part > 0 for parts in seconds.values() for part in parts)


def test_a_straight_line_has_no_dead_code() -> None:
    source = compiled.record_straight_line(500).compile("python").source
    assert sum(" = " in line and line.lstrip().startswith("v") for line in source.splitlines()) == 500


@pytest.mark.campaign
def test_one_section_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    compiled.main(["--only", "call", "--quick", "--rounds", "1"])
    printed = capsys.readouterr().out
    assert "| Python by hand " in printed
    assert "times as long as *Python by hand*" in printed
