"""Measure predictions: `model.predict(xs)` beside a loop over the model.

    python tests/benchmarks/predictions.py [--quick] [--write docs/predictions.md]

Each line is measured in a separate process, with an empty cache of compiled functions.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import turns
from turns import about, machine, print_page, say, table

SCRIPT = str(Path(__file__).resolve())
NETWORKS = {"2-16-16-1": (2, [16, 16, 1]), "64-32-10": (64, [32, 10])}
SAMPLES = (100, 10_000)
BACKENDS = ("python", "numpy", "c")


def main(arguments: Sequence[str] | None = None) -> None:
    def page(quick: bool) -> str:
        tables = "\n\n".join(network_table(name, quick) for name in NETWORKS)
        return PAGE.format(machine=machine("numpy"), networks=tables)

    print_page("Measure predictions beside a loop over the model.", page, JOBS, arguments)


def network_and_samples(name: str, n: int) -> tuple[Any, Any]:
    import numpy as np  # noqa: PLC0415  # in the child only

    from autograd import nn  # noqa: PLC0415

    nin, nouts = NETWORKS[name]
    return nn.MLP(nin, nouts, "tanh", rng=random.Random(0)), np.random.default_rng(0).normal(size=(n, nin))


def seconds_of(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def by_loop(name: str, n: int, repetitions: int) -> float:
    """Time the loop that one writes by hand, in seconds."""
    model, xs = network_and_samples(name, n)

    def numbers(output: Any) -> Any:
        return [v.data for v in output] if isinstance(output, list) else output.data

    def loop() -> list[Any]:
        return [numbers(model(x)) for x in xs.tolist()]

    return statistics.median(seconds_of(loop) for _ in range(repetitions))


def by_predict(name: str, n: int, backend: str, repetitions: int) -> tuple[float, float]:
    """Time the first call and the later ones, in seconds."""
    model, xs = network_and_samples(name, n)
    first = seconds_of(lambda: model.predict(xs, backend))
    return first, statistics.median(seconds_of(lambda: model.predict(xs, backend)) for _ in range(repetitions))


def network_table(name: str, quick: bool) -> str:
    rows = []
    for n in SAMPLES:
        say(f"{name}, {n} samples")
        repetitions = 1 if quick else 5
        loop = turns.run(SCRIPT, "by_loop", name, n, repetitions)
        rows.append((f"{n:,}", "a loop over the model", about(1000 * loop), about(1000 * loop), "1"))
        for backend in BACKENDS:
            with tempfile.TemporaryDirectory() as cache:
                first, later = turns.run(
                    SCRIPT, "by_predict", name, n, backend, 3 * repetitions, environment={"AUTOGRAD_CACHE_DIR": cache}
                )
            rows.append(("", f"predict, {backend}", about(1000 * first), about(1000 * later), f"{loop / later:,.0f}"))
    head = ("samples", "", "first call, ms", "later, ms", "ratio")
    return f"## {name}\n\n" + table(head, rows)


JOBS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (by_loop, by_predict)}

PAGE = """\
# Speed, predictions

{machine}. Wall clock.

Made by `python tests/benchmarks/predictions.py --write docs/predictions.md`: one run on one machine. Ratios carry over
to other machines better than milliseconds do. Each line was measured in a separate process, with an empty cache of
compiled functions.

tanh networks, all samples in one array. *First call*: recording, comparing samples and compiling included; a second
process finds C in the cache, and compiles nothing. *Later* is the median of the calls after it. *Ratio*: how many
times as fast they are as the loop, `[model(x).data for x in xs.tolist()]`. `backend="auto"` takes NumPy where it is
installed, else Python.

{networks}
"""

if __name__ == "__main__":
    main(sys.argv[1:])
