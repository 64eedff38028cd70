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
from needs import lacking

# The benchmarks are scripts that import each other by name, as `python tests/benchmarks/compiled.py` finds them.
sys.path.insert(0, str(Path(__file__).parent))

import by_hand
import compiled
import networks_by_hand
import recorded_networks
import workloads
from recorded_networks import MLP, Attention, Convolution

import autograd
from autograd import Value

NEVER_REQUIRED = {"torch"}  # a gigabyte, for two lines of a table


def need(needs: tuple[str, ...]) -> None:
    """Skip the test if a peer is not installed."""
    for one in needs:
        why = compiled.missing(one)
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
def expected() -> dict[str, list[float]]:
    """Compute the numbers of each contest in an independent way: another engine, a formula, constants."""
    demo = workloads.Demo(workloads.load("stored gradients"))

    def work() -> list[float]:
        loss = demo.loss()
        loss.backward()
        return [loss.data, *(p.grad for p in demo.parameters)]

    recorded = compiled.record_dense()
    (loss, _), (p, x, t) = recorded.outputs, recorded.inputs
    for leaves, numbers in zip((p, x, t), recorded.arguments):
        for leaf, number in zip(leaves, numbers):
            leaf.data = float(number)
    loss.forward()
    loss.backward()
    w, b = 0.4959537581015022, 0.09537581015006125  # as the second article trains them
    return {
        "demo": workloads.with_deep_stack(work),
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
def test_contestants_agree(contest: str, name: str, expected: dict[str, list[float]], folder: Path) -> None:
    contestant = compiled.CONTESTS[contest][name]
    need(contestant.needs)
    result = contestant.flat(contestant.make(folder)())
    compiled.compare(contest, {name: result, "expected": expected[contest]})
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
    compiled.compare(kind, {name: result, "expected": mean_of_graphs(network)})


def test_the_page_has_all_kinds_of_networks() -> None:
    assert {type(network) for network in recorded_networks.NETWORKS.values()} == {*networks_by_hand.JAX}


def test_networks_are_compared_with_what_is_written_by_hand() -> None:
    times = {"jax.numpy": 1e-3, "JAX by hand": 2e-3, "JAX by hand, tuned": 8e-4, "numpy module": 3, "NumPy by hand": 4}
    result = compiled.Result({name: [[seconds]] for name, seconds in times.items()}, {}, {"torch": "not installed"})
    tables = compiled.networks_tables({"MLP 64-32-10": result, "attention": result})
    ratios, microseconds = tables.split("Medians in microseconds:")
    assert cells(ratios)["MLP 64-32-10"] == ["0.5", "1.25", "1.2", "", "1.2", "0.75", "1.4", "", ""]
    assert cells(ratios)["attention"] == ["0.5", "1.25", "2.5", "", "", "0.75", "", "", ""]
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
    table, words = compiled.first_calls_table({"MLP 64-32-10": rounds}, 22)
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


def test_a_contestant_with_another_result_is_found_out() -> None:
    compiled.compare("demo", {"ours": [1.0, 2.0 + 1e-9], "theirs": [1.0, 2.0]})
    for wrong in ([1.0, 2.0 + 1e-7], [1.0], [1.0, math.nan]):
        with pytest.raises(SystemExit, match="ours and theirs find different results"):
            compiled.compare("demo", {"ours": wrong, "theirs": [1.0, 2.0]})


def test_the_c_by_hand_has_no_warnings(tmp_path: Path) -> None:
    need(("cc",))
    flags = f"{by_hand.C_FLAGS} -Wall -Wextra -Werror"
    assert by_hand.build_c(tmp_path, flags).train_neuron


def test_contestants_are_compared_in_words() -> None:
    result = compiled.Result({"ours": [[1.0], [1.0]], "theirs": [[4.0], [6.0]]}, {}, {"peer": "not installed"})
    assert result.in_words("ours", "theirs", "peer") == "*theirs* takes 5.0 times as long as *ours*."
    assert result.in_words("theirs", "ours") == "*theirs* takes 5.0 times as long as *ours*."
    assert result.in_words("ours", "peer") == ""  # left out: nothing is said
    assert "Left out: *peer*: not installed." in compiled.times_table(result, "ms", "ours")
    assert result.fastest("peer", "theirs", "ours") == "ours"


def test_compiling_is_described_in_words() -> None:
    seconds = {("demo", "c", "new"): 0.519, ("demo", "c", "kept"): 0.0365, ("demo", "numpy", ""): 0.0224}
    assert compiled.compiling_in_words(seconds) == (
        "The demo network is recorded, compiled and called once in "
        "0.52 s with c and a new cache, 0.036 s with c and a warm cache, 0.022 s with numpy."
    )


@pytest.mark.parametrize("backend", compiled.BACKENDS)
@pytest.mark.parametrize(("recording", "size"), [("demo", ()), ("straight line", (100,))])
def test_compiling_is_timed(recording: str, size: tuple[int, ...], backend: str) -> None:
    need((f"backend {backend}",))
    parts = compiled.time_compiling(recording, backend, *size)
    assert len(parts) == 3 and min(parts) > 0


def test_compiling_is_timed_in_a_child_with_a_new_cache_and_again() -> None:
    need(("backend c",))
    seconds = compiled.compile_seconds("straight line", "c", ("new", "kept"), 100)
    assert {cached: len(parts) for cached, parts in seconds.items()} == {"new": 3, "kept": 3}
    assert all(part > 0 for parts in seconds.values() for part in parts)


def test_a_straight_line_has_no_dead_code() -> None:
    source = compiled.record_straight_line(500).compile("python").source
    assert sum(" = " in line and line.lstrip().startswith("v") for line in source.splitlines()) == 500


def test_one_section_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    compiled.main(["--only", "call", "--quick", "--rounds", "1"])
    printed = capsys.readouterr().out
    assert "| Python by hand " in printed
    assert "times as long as *Python by hand*" in printed
