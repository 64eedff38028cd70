"""Measure training: two moons against micrograd, digits against PyTorch.

    python tests/benchmarks/training.py [--quick] [--write docs/training.md]

Each measurement runs in a separate process. A peer that is not installed is left out.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import turns
from turns import filled, importable, in_words, machine, print_page, say, table

SCRIPT = str(Path(__file__).resolve())
MOONS = Path(__file__).parent.parent / "data" / "moons.json"
STEPS = 100  # of the demo
REPETITIONS = {"eager": 3, "python": 3, "numpy": 3, "c": 50}  # of the demo
MORE_STEPS = 1_000
STEP_BAR = 1.5  # of the time of a compiled call for value and gradients

# Digits: the settings for both sides.
EPOCHS, BATCH, RATE = 60, 32, 0.01
DIGITS_BAR = 5  # times as fast as PyTorch, the training alone


def main(arguments: Sequence[str] | None = None) -> None:
    def page(quick: bool) -> str:
        peers = machine("numpy", "micrograd", "torch", "scikit-learn")
        return PAGE.format(
            machine=peers, moons=moons_table(quick), steps=steps_table(quick), digits=digits_table(quick)
        )

    print_page("Measure training against micrograd and PyTorch.", page, JOBS, arguments)


def job(*what: Any) -> Any:
    """Run a job in a fresh process with an empty compiler cache, and return its result."""
    with tempfile.TemporaryDirectory() as cache:
        return turns.run(SCRIPT, *what, environment=turns.ONE_THREAD | {"AUTOGRAD_CACHE_DIR": cache})


# Moons ---------------------------------------------------------------------------------------------------------------


def moons_by_micrograd(steps: int) -> dict[str, float]:
    """Time one step of micrograd's demo, in seconds."""
    from micrograd.nn import MLP  # noqa: PLC0415  # in the child only

    data = json.loads(MOONS.read_text())
    random.seed(1337)
    model, times = MLP(2, [16, 16, 1]), []
    for k in range(steps + 1):
        begin = time.perf_counter()
        scores = [model(x) for x in data["X"]]
        losses = [(1 + -label * score).relu() for label, score in zip(data["y"], scores)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        times.append(time.perf_counter() - begin)
    return {"step": statistics.median(times[1:])}


def moons_by_fit(backend: str, repetitions: int) -> dict[str, float]:
    """Time the demo's 100 steps, with and without recording and compiling; return the final accuracy as well."""
    import autograd  # noqa: PLC0415  # in the child only
    from autograd import fit, nn, optim  # noqa: PLC0415

    data = json.loads(MOONS.read_text())
    whole, steps, accuracies, checks = [], [], [], []
    for _ in range(repetitions):
        random.seed(1337)
        model = nn.MLP(2, [16, 16, 1])
        begin = time.perf_counter()
        history = fit(
            model, data["X"], data["y"], loss=nn.hinge, optimizer=optim.SGD(lr=lambda k: 1.0 - 0.9 * k / 100),
            regularizer=lambda ps: 1e-4 * autograd.sum([p * p for p in ps]), epochs=STEPS, backend=backend,
            progress=False,
        )  # fmt: skip
        whole.append(time.perf_counter() - begin)
        steps.append(history.seconds)
        checks.append(history.check_seconds)
        accuracies.append(history.accuracy[-1])
    return {
        "first": whole[0], "steps": statistics.median(steps), "checks": checks[0], "accuracy": min(accuracies)
    }  # fmt: skip


def moons_table(quick: bool) -> str:
    rows, whole, steps = [], {}, {}
    if importable("micrograd"):
        say("moons: micrograd")
        steps["micrograd"] = job("moons_by_micrograd", 3 if quick else 15)["step"] * STEPS
    for backend, repetitions in REPETITIONS.items():
        say(f"moons: {backend}")
        found = job("moons_by_fit", backend, 1 if quick else repetitions)
        engine = f"autograd, {backend}"
        whole[engine], steps[engine] = found["first"], found["steps"]
        rows.append(
            (
                engine,
                f"{found['first']:.3g}",
                f"{found['checks']:.3g}",
                *moons_cells(steps, engine, f"{found['accuracy']:.0%}"),
            )
        )
    if "micrograd" in steps:
        rows.insert(0, ("micrograd", "", "", *moons_cells(steps, "micrograd", "")))
    text = table(("engine", "all, s", "checks, s", "100 steps, s", "a step, µs", "accuracy", "ratio"), rows)
    return text + "\n\n" + filled(f"The steps: {compared(steps)} Everything: {compared(whole)}")


def moons_cells(steps: Mapping[str, float], engine: str, accuracy: str) -> tuple[str, ...]:
    """The columns of the moons' table that follow from the seconds of 100 steps."""
    time, ratio = steps[engine], steps.get("micrograd", math.nan) / steps[engine]
    return f"{time:.3g}", f"{time * 1e6 / STEPS:,.0f}", accuracy, f"{ratio:,.0f}"


def compared(seconds: Mapping[str, float]) -> str:
    """Compare the C backend's time with the others', in words."""
    ours = "autograd, c"
    return in_words(
        f"*{ours}*", {f"*{engine}*": time / seconds[ours] for engine, time in seconds.items() if engine != ours}
    )


# A step of fit -------------------------------------------------------------------------------------------------------


def falling(step: int) -> float:
    """Return the demo's learning rate of a step, of the first hundred."""
    return 1.0 - 0.9 * min(step, STEPS) / STEPS


def lion(optim: Any) -> Any:
    """Return an optimizer that a user wrote: the sign of a mean of the gradients (arXiv 2302.06675)."""

    class Lion(optim.Optimizer):  # type: ignore[misc]  # a class that the caller has imported
        memories = 1

        def rule(self, lr: float, step: int, sqrt: Any) -> Any:
            def move(x: Any, g: Any, mean: Any) -> Any:
                mixed = 0.9 * mean + 0.1 * g
                return x - lr * mixed / sqrt(mixed * mixed + 1e-24), 0.99 * mean + 0.01 * g

            return move

    return Lion(0.001)


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda optim: optim.SGD(0.1),
    "SGD, lr a function": lambda optim: optim.SGD(falling),
    "SGD with momentum": lambda optim: optim.SGD(0.1, momentum=0.9),
    "Adam": lambda optim: optim.Adam(0.01),
    "Adam, lr a function": lambda optim: optim.Adam(lambda step: 0.01 * falling(step)),
    "a subclass, Lion": lion,
}
"""How the optimizers whose steps are measured are made, from the module `autograd.optim`."""


def steps_by_fit(name: str, repetitions: int) -> dict[str, Any]:
    """Time steps of micrograd's demo by `fit`, and calls of its compiled value and gradients, in turns.

    Returns:
        seconds: of a step in a run of 100, of a step in one of 1,000, and of a call; and why Python makes the steps,
        if it does.
    """
    import in_c  # noqa: PLC0415  # in the child only

    import autograd  # noqa: PLC0415
    from autograd import fit, nn, optim  # noqa: PLC0415

    data = json.loads(MOONS.read_text())
    call = in_c.make(in_c.DEMO)
    times: dict[str, list[float]] = {"step": [], "of more": [], "call": []}
    for _ in range(repetitions):
        for part, steps in (("step", STEPS), ("of more", MORE_STEPS)):
            random.seed(1337)
            history = fit(
                nn.MLP(2, [16, 16, 1]), data["X"], data["y"], loss=nn.hinge, optimizer=OPTIMIZERS[name](optim),
                regularizer=lambda ps: 1e-4 * autograd.dot(ps, ps), epochs=steps, backend="c", progress=False,
            )  # fmt: skip
            times[part].append(history.seconds / steps)
        begin = time.perf_counter()
        for _ in range(MORE_STEPS):
            call()
        times["call"].append((time.perf_counter() - begin) / MORE_STEPS)
    return {part: statistics.median(seconds) for part, seconds in times.items()} | {"why": history.steps_in_python}


def steps_table(quick: bool) -> str:
    """Compare a step of `fit` with a compiled call, for each optimizer."""
    rows = []
    for name in ("SGD", "Adam") if quick else OPTIMIZERS:
        say(f"a step of fit: {name}")
        found = job("steps_by_fit", name, 2 if quick else 15)
        times = [found[part] * 1e6 for part in ("call", "step", "of more")]
        ratios = [found[part] / found["call"] for part in ("step", "of more")]
        cells = [f"{number:.3g}" for number in (*times, *ratios)]
        rows.append((name, f"Python: {found['why']}" if found["why"] else "C", *cells, f"{STEP_BAR:g}"))
    head = (
        "optimizer",
        "steps by",
        "a call, µs",
        f"one of {STEPS} steps",
        f"one of {MORE_STEPS:,}",
        "ratio",
        "ratio",
        "bar",
    )
    return table(head, rows)


# Digits --------------------------------------------------------------------------------------------------------------


def digits_split(split: int) -> Any:
    from sklearn.datasets import load_digits  # noqa: PLC0415  # in the children only
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    pixels, digits = load_digits(return_X_y=True)
    return train_test_split(pixels / 16, digits, test_size=1 / 3, random_state=split, stratify=digits)


def start(split: int) -> Any:
    from autograd import nn  # noqa: PLC0415  # in the children only

    return nn.MLP(64, [32, 10], activation="tanh", init="xavier", rng=random.Random(split))


def digits_by_fit(splits: int) -> dict[str, Any]:
    """Time the first training with compiling, and the training alone; return the accuracies on the held-out thirds."""
    from autograd import fit, nn, optim  # noqa: PLC0415  # in the child only

    whole, training, accuracies, checks = [], [], [], []
    for split in range(splits):
        known, held_out, labels, held_out_labels = digits_split(split)
        steps = EPOCHS * -(-len(known) // BATCH)
        model = start(split)
        begin = time.perf_counter()
        history = fit(
            model, known, labels, loss=nn.cross_entropy, epochs=EPOCHS, batch_size=BATCH, seed=split, backend="c",
            optimizer=optim.Adam(lambda step: RATE * (1 - step / steps)),  # noqa: B023  # called in this turn only
            validation=(held_out, held_out_labels), progress=False,
        )  # fmt: skip
        whole.append(time.perf_counter() - begin)
        training.append(history.seconds)
        checks.append(history.check_seconds)
        accuracies.append(history.validation_accuracy[-1])
    return {
        "first": whole[0], "training": statistics.median(training), "checks": checks[0], "accuracies": accuracies
    }  # fmt: skip


def digits_by_torch(splits: int) -> dict[str, Any]:
    """Do the same with PyTorch, in float64: the same initial parameters, batches and optimizer."""
    import torch  # noqa: PLC0415  # in the child only

    whole, accuracies = [], []
    for split in range(splits):
        known, held_out, labels, held_out_labels = map(torch.tensor, digits_split(split))
        net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10)).double()
        with torch.no_grad():
            for mine, theirs in zip(start(split).layers, (net[0], net[2]), strict=True):
                theirs.weight.copy_(torch.tensor([[w.data for w in n.w] for n in mine.neurons], dtype=torch.float64))
                theirs.bias.zero_()
        begin = time.perf_counter()
        n, rng = len(known), random.Random(split)
        steps = EPOCHS * -(-n // BATCH)
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)  # noqa: B023  # as above
        order = list(range(n))
        for _ in range(EPOCHS):
            rng.shuffle(order)
            for a in range(0, n, BATCH):
                batch = order[a : a + BATCH]
                loss = torch.nn.functional.cross_entropy(net(known[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        whole.append(time.perf_counter() - begin)
        right = net(held_out).argmax(dim=1) == held_out_labels
        accuracies.append(right.double().mean().item())
    return {"first": whole[0], "training": statistics.median(whole), "accuracies": accuracies}


def digits_table(quick: bool) -> str:
    rows, means, whole, training = [], {}, {}, {}
    for engine, name in (("autograd, c", "digits_by_fit"), ("PyTorch", "digits_by_torch")):
        if not importable("sklearn") or (engine == "PyTorch" and not importable("torch")):
            say(f"digits: {engine} is left out, something is not installed")
            continue
        say(f"digits: {engine}")
        found = job(name, 2 if quick else 10)
        accuracies = found["accuracies"]
        means[engine], whole[engine], training[engine] = (
            statistics.mean(accuracies),
            found["first"],
            found["training"],
        )
        rows.append((
            engine, f"{found['first']:.3g}", f"{found['checks']:.3g}" if "checks" in found else "",
            f"{found['training']:.3g}", f"{means[engine]:.2%}",
            f"{min(accuracies):.2%} to {max(accuracies):.2%}",
        ))  # fmt: skip
    text = table(("engine", "first, s", "checks, s", "training, s", "accuracy, mean", "of the splits"), rows)
    if len(means) == 2:
        ours, theirs = means.values()
        text += "\n\n" + filled(
            f"Training: {compared(training)} The first call: {compared(whole)} "
            f"The mean accuracies differ by {100 * abs(ours - theirs):.2f} percentage points. "
            f"(The goal that was set: the training takes PyTorch at least {DIGITS_BAR} times as long.)"
        )
    return text


JOBS = {f.__name__: f for f in (moons_by_micrograd, moons_by_fit, steps_by_fit, digits_by_fit, digits_by_torch)}

PAGE = f"""\
# Speed, training

{{machine}}. Wall clock.

Made by `python tests/benchmarks/training.py --write docs/training.md`: one run on one machine. Ratios carry over to
other machines better than seconds do. Each line was measured in a separate process, on one thread, with an empty cache
of compiled functions.

## Two moons

micrograd's demo: a 2-16-16-1 ReLU network with 337 parameters, 100 points, hinge loss and L2, 100 steps on all points.
*All* is the first call of `fit`: recording, compiling, checks and the steps. *Checks* is the part of it in which `fit`
compares other samples and two batches with what it has recorded (`History.check_seconds`). *100 steps* are the steps
alone, the median of several calls; for micrograd, 100 times its median step. *Ratio*: how many times as fast as
micrograd the steps are. The garbage collector is on.

{{moons}}

## A step of fit

Steps of the same demo by `fit` with the c backend, in a run of {STEPS} and in one of {MORE_STEPS:,}: the loss, whether
each point is classified right, all gradients, the optimizer's update and the history. Beside them, in turns, *a call*
of a compiled function for value and gradients alone, with arrays. *Lion* is written as a user would: its rule, in three
lines. The bar is the most that was aimed at.

{{steps}}

## Digits

The 1,797 handwritten digits that scikit-learn ships, 8 x 8 pixels, a third of them held out, stratified by class: a
64-32-10 tanh network, cross-entropy, Adam with a learning rate that falls from {RATE} to 0, {EPOCHS} epochs in batches
of {BATCH}. PyTorch trains the same network from the same initial parameters, with the same batches, in float64. *First*
is the first call with recording, compiling and *checks*, *training* the median of the training alone. autograd also
evaluates the held-out third after each epoch; PyTorch does so once, at the end.

{{digits}}
"""

if __name__ == "__main__":
    main(sys.argv[1:])
