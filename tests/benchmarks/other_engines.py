"""Run programs that were published for other engines beside those engines, and print a page with the times.

    python tests/benchmarks/other_engines.py lecture=FILE eurekalabs=FILE first=FILE last=FILE hips=FOLDER

Each FILE is a program or a notebook with a class `Value`, which is taken from it; the rest of it does not run. The
programs themselves are this repository's, written anew (`other_programs.py`), so that both engines run the same lines:

- demo: `micrograd/engine.py` of github.com/karpathy/micrograd; the installed package, if none is given
- lecture: `micrograd_lecture_second_half_roughly.ipynb` of github.com/karpathy/nn-zero-to-hero
- eurekalabs: `micrograd.py` of github.com/EurekaLabsAI/micrograd
- hips: the folder of the repository github.com/HIPS/autograd, or one with its package `autograd`
- first, last: the versions of `microgpt.py`, gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95

Takes about fifteen minutes; `--quick` takes four. `--write docs/other-engines.md` also writes the page. The processes
take turns (`turns.py`).
"""

from __future__ import annotations

import argparse
import ast
import json
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import workloads
from eager import CPU_CLOCK, MODES, NATIVE, NATIVE_FUSED, PURE, PURE_FUSED, WARM_STEPS, answer_turns, installed
from other_programs import (
    FIRST,
    LAST,
    NAMES,
    FusedMicroGPT,
    Lecture,
    MicroGPT,
    ScalarFunctions,
    YinYang,
    with_functions,
    with_graphs,
)
from turns import Runner, Turns, about, filled, machine, median_of, run, table, take_turns
from workloads import Demo, Engine, Workload

OURS = {"pure": (PURE, PURE_FUSED), "native": (NATIVE, NATIVE_FUSED)}
"""Our two engines, each without and with `dot` for the sums of products."""


class Program(NamedTuple):
    """A program: what it is called, how to make it, with sums of products as one node too, and what it compares.

    Attributes:
        steps: the number of steps whose losses are compared.
        timed: the number of steps that are timed as one. Short ones would be timed with caches that collecting by hand
            has left cold.
    """

    title: str
    change: str
    make: Callable[[Engine], Workload]
    fused: Callable[[Engine], Workload]
    steps: int
    timed: int = 1
    shown: int = 1


class Functions(NamedTuple):
    """Functions that each engine differentiates in its own way; the fields of `Program` that there are."""

    title: str
    change: str
    ours: Callable[[], ScalarFunctions]
    theirs: Callable[[str], ScalarFunctions]
    timed: int = 1
    shown: int = 1


PROGRAMS: dict[str, Program | Functions] = {
    "demo": Program("micrograd's demo", "the package's name in the imports", Demo, Demo, 3),
    "lecture": Program("Lecture, loop of 20 steps", "`class Value`: imported", Lecture, Lecture, 20, 20, 20),
    "eurekalabs": Program(
        "EurekaLabs' demo", "the import; optimizer's state and colors in dicts by the Value", YinYang, YinYang, 20
    ),
    "first": Program(
        "microGPT, 243 lines",
        "`class Value`: imported",
        lambda engine: MicroGPT(engine, FIRST),
        lambda engine: FusedMicroGPT(engine, FIRST),
        3,
        timed=len(NAMES),
    ),
    "last": Program(
        "microGPT, 200 lines",
        "`class Value`: imported",
        lambda engine: MicroGPT(engine, LAST),
        lambda engine: FusedMicroGPT(engine, LAST),
        3,
        timed=len(NAMES),
    ),
    "hips": Functions(
        "HIPS autograd's scalar tests",
        "`numpy` for `autograd.numpy`; `grad(f(x), x)` for `grad(f)(x)`; degrees, radians, sinc written out",
        with_graphs,
        with_functions,
    ),
}


# ------------------------------------------------------------------------------------------ child processes: one engine


def engine_of(path: str) -> Engine:
    """Return the engine of a program or a notebook: its last class `Value`, without running the rest.

    Raises:
        ValueError: it has none.
    """
    text = Path(path).read_text(encoding="utf-8")
    cells = [text]
    if path.endswith(".ipynb"):
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {"math": math}
    for cell in cells:
        if "class Value" in cell:
            classes = [c for c in ast.parse(cell).body if isinstance(c, ast.ClassDef) and c.name == "Value"]
            exec(compile(ast.Module(list(classes), []), path, "exec"), names)  # annotations as here: not evaluated
    if "Value" not in names:
        raise ValueError(f"{path} has no class Value")
    return Engine(path, names["Value"], lambda value: ())


def make(program: str, engine: str) -> Workload | ScalarFunctions:
    """Make a program on one of our engines, or on the one of a file."""
    chosen = PROGRAMS[program]
    ours = engine in workloads.ENGINES
    if isinstance(chosen, Functions):
        return chosen.ours() if ours else chosen.theirs(engine)
    made = chosen.fused if engine.endswith(", fused") else chosen.make
    return made(workloads.load(engine) if ours else engine_of(engine))


class Loop:
    """Several steps of a program as one."""

    def __init__(self, workload: Workload | ScalarFunctions, steps: int) -> None:
        self.workload, self.steps = workload, steps

    def step(self) -> float:
        return [self.workload.step() for _ in range(self.steps)][-1]


def time_steps(program: str, engine: str, collector: str) -> None:
    answer_turns(Loop(make(program, engine), PROGRAMS[program].timed), collector)


def numbers(program: str, engine: str) -> dict[str, list[float]]:
    """Return the gradients of the first loss, and the losses of the first steps; of functions, all numbers."""
    workload, chosen = make(program, engine), PROGRAMS[program]
    if isinstance(workload, ScalarFunctions) or isinstance(chosen, Functions):
        assert isinstance(workload, ScalarFunctions)
        return workload.numbers()
    _, gradients = workloads.gradients_of(workload)
    return {"losses": [workload.step() for _ in range(chosen.steps)], "gradients": gradients}


CHILDREN: dict[str, Callable[..., Any]] = {"steps": time_steps, "numbers": numbers}


# ---------------------------------------------------------------------------------------- parent process: the page


class Comparison(NamedTuple):
    """How many numbers of each kind were compared, and the largest difference, relative to the largest of its kind."""

    counts: dict[str, int]
    difference: float

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items())
        return f"{counts}: {self.difference:.0e}"


def compare(program: str, path: str) -> Comparison:
    """Compare the numbers of each of our engines with those of the program's own."""
    theirs = run(__file__, "numbers", program, path)
    difference = 0.0
    for engine in engines():
        ours = run(__file__, "numbers", program, engine, environment=workloads.environment(engine))
        for kind in theirs:
            largest = max(map(abs, theirs[kind]))
            found = max(abs(x - y) for x, y in zip(theirs[kind], ours[kind], strict=True))
            difference = max(difference, found / largest)
    return Comparison({kind: len(theirs[kind]) for kind in theirs}, difference)


def engines(fused: bool = False) -> list[str]:
    """Return our engines that there are, without `dot`; with it, too, if that is asked for."""
    built = [forms for forms in OURS.values() if installed(forms[0])]
    return [form for forms in built for form in (forms if fused else forms[:1])]


def contestants(program: str, path: str) -> list[str]:
    """Return the engines that a program runs on, its own first: functions have no sums of products."""
    return [path, *engines(fused=not isinstance(PROGRAMS[program], Functions))]


def steps_rows(program: str, path: str, turns: Turns) -> list[tuple[str, ...]]:
    """Milliseconds of a step on its own engine and on each of ours, and ratios, for each mode of the collector."""
    rows: list[tuple[str, ...]] = []
    for mode in MODES:
        part = PROGRAMS[program].shown / PROGRAMS[program].timed
        times = {e: median_of(turns["steps", program, e, mode]) * part for e in contestants(program, path)}
        for title, forms in OURS.items():
            found = [times[form] for form in forms if form in times]
            cells = [cell for time in found for cell in (f"{time * 1e3:.2f}", f"{times[path] / time:.1f}")]
            if cells:
                rows.append(
                    (PROGRAMS[program].title, mode, f"{times[path] * 1e3:.2f}", title, *cells, *[""] * (4 - len(cells)))
                )
    return rows


def share_row(program: str, path: str, turns: Turns) -> tuple[str, ...]:
    """The part of a step that ends when the collector is switched off."""
    shares = []
    for engine in (path, *(form for forms in OURS.values() for form in forms)):
        if ("steps", program, engine, "on") in turns:
            on, off = (median_of(turns["steps", program, engine, mode]) for mode in MODES)
            shares.append(f"{max(0.0, 1 - off / on):.0%}")
        else:
            shares.append("")
    return (PROGRAMS[program].title, *shares)


def in_words(path: str, turns: Turns) -> str:
    """Say how the time of microGPT changes with our engines, and what `dot` saves."""

    def faster(than: str, engine: str) -> str:
        ratios = [median_of(turns["steps", "last", e, mode]) for mode in MODES for e in (than, engine)]
        on, off = ratios[0] / ratios[1], ratios[2] / ratios[3]
        return f"{about(on)} times as fast with the collector on and {about(off)} times with it off"

    took_part = {title: forms for title, forms in OURS.items() if ("steps", "last", forms[0], "on") in turns}
    sentences = [
        f"A step of microGPT, which is one training sample, is {faster(path, plain)}, if the {title} engine's Value "
        "takes the place of its own."
        for title, (plain, _) in took_part.items()
    ]
    if "native" in took_part:
        sentences.append("(The goal that was set for the native engine, with the collector on, is 18.)")
    sentences += [
        f"One line, `autograd.dot` for the sum of products, makes it {faster(plain, fused)} on the {title} engine."
        for title, (plain, fused) in took_part.items()
    ]
    return " ".join(sentences)


PAGE = """\
# Beside other engines

{machine}

Made by `python tests/benchmarks/other_engines.py lecture=FILE eurekalabs=FILE first=FILE last=FILE hips=FOLDER --write
docs/other-engines.md`: one run on one machine. Ratios carry over to other machines better than milliseconds do. The
files are the originals, which are not part of this repository; [From micrograd and its lecture](from-micrograd.md) says
where they are, and how to write what is different here.

Each program was written for another engine, and runs here with little changed. Its numbers were compared with those of
the engine that it was written for: the losses of its first steps, and the gradients of the first one, or the values and
derivatives of functions. The difference is the largest one, relative to the largest number of its kind.

{changes}

minitorch's repository is an exercise: it has no engine to compare with. The functions of its scalar tests are compared
with formulas (`tests/test_other_programs.py`). [Other engines' tests](other-tests.md) run here, too.

## Time beside its own engine

All engines ran the same lines (`tests/benchmarks/other_programs.py`), but for the calls that differentiate HIPS
autograd's functions. Each engine and each mode of the cyclic garbage collector ran in a separate process and took
{rounds} turns of {seconds} s, in rotation with all others, after {warm} warm-up steps. *On*: the collector as Python
configures it, nothing collected by hand. *Off*: collector disabled, cycles collected between steps, untimed. Times are
medians, in milliseconds a step (for the lecture, its loop of 20; for microGPT, the mean of {names} steps, one training
sample each; for functions, all of them once); the ratio says how many times as fast as on the program's own engine.
*Native*: our engine from the compiled core; *pure*: our engine in Python, which is used where no core was built. *With
dot*: each sum of products with weights is one `autograd.dot`, as `nn` records it; functions have none. The demo is the
workload of [speed](speed.md), line by line, but in another run. Its times differ from those there, and so do the ratios
with the collector on: other work on the machine takes memory and caches from the collector's walks. Compare within one
table.

{steps}

{words}
The sums of the lecture's network have three or four products: there `dot` does not pay on the pure engine.

## The collector's share

The part of a step that ends when the collector is switched off, 1 - off / on of the medians above. The more Values are
alive at once, the more there is to walk.

{shares}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run published programs on their own engine and on this one.")
    parser.add_argument(
        "peers", nargs="*", metavar="PROGRAM=FILE", help=f"the file or the folder of an engine: {', '.join(PROGRAMS)}"
    )
    parser.add_argument("--write", metavar="FILE", help="also write the page of the documentation to this file")
    parser.add_argument("--quick", action="store_true", help="three short rounds: noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of turns for each engine (9)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        workloads.answer(options.child, CHILDREN)
        return
    paths = dict(peer.split("=", 1) for peer in options.peers)
    installed = find_spec("micrograd")
    if installed and installed.submodule_search_locations:
        paths.setdefault("demo", str(Path(installed.submodule_search_locations[0], "engine.py")))
    rounds, seconds = (3, 0.1) if options.quick else (9, 0.3)
    page = measure(paths, options.rounds or rounds, seconds)
    print(page)
    if options.write:
        Path(options.write).write_text(page, encoding="utf-8")


def measure(paths: Mapping[str, str], rounds: int, seconds: float) -> str:
    """Return the page for the programs whose engines are given."""
    chosen = [program for program in PROGRAMS if program in paths]
    changes, steps, shares, words = [], [], [], ""
    for program in chosen:
        path = paths[program]
        changes.append((PROGRAMS[program].title, PROGRAMS[program].change, str(compare(program, path))))
        runners = [
            Runner(__file__, "steps", program, engine, mode, environment=workloads.environment(engine))
            for engine in contestants(program, path)
            for mode in MODES
        ]
        turns = take_turns(runners, rounds, seconds, program)
        steps += steps_rows(program, path, turns)
        shares.append(share_row(program, path, turns))
        if program == "last":
            words = in_words(path, turns)
    return PAGE.format(
        machine=f"{machine()}. {'Processor time' if CPU_CLOCK else 'Wall clock'}.",
        rounds=rounds,
        seconds=seconds,
        warm=WARM_STEPS,
        names=len(NAMES),
        changes=table(("program", "what had to change", "numbers compared, and their difference"), changes),
        steps=table(("program", "collector", "own", "engine", "ours", "ratio", "with dot", "ratio"), steps),
        words=filled(words),
        shares=table(("program", "own engine", "pure", "pure with dot", "native", "native with dot"), shares),
    )


if __name__ == "__main__":
    main()
