"""Measure the cost of watching: of `detect_anomaly`, of remembering comparisons, of noticing graphs out of date.

    python tests/benchmarks/watching.py

Micrograd's demo step runs without `detect_anomaly`, under it, and after it; comparisons run with and without the memory
of choices; steps that record their loss anew, and steps that replay it, with and without the check of old graphs. They
take turns in one process, so that any other load on the machine affects all of them alike. The figures are the fastest
of many, in processor time.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import workloads

from autograd import Value, detect_anomaly, engine

ROUNDS = 15
COMPARISONS = 2_000


def step_time(program: workloads.Workload) -> float:
    start = time.process_time()
    program.step()
    return time.process_time() - start


def comparison_times() -> dict[str, tuple[float, float]]:
    """Return for each kind of comparison the microseconds without and with the memory of choices."""
    x, y = Value(2.0), Value(1.0)
    deep = x
    for _ in range(20):
        deep = (deep * y + x).tanh()
    kinds: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {  # and what is not the comparison
        "of two leaves, known": (lambda: x > y, lambda: None),
        "of a result with a number, known": (lambda: x * y > 0, lambda: x * y),
        "of a deep result, known": (lambda: deep > 0, lambda: None),
        "with a new leaf": (lambda: x > Value(1.0), lambda: Value(1.0)),
    }

    def time_of(work: Callable[[], object]) -> float:
        start = time.process_time()
        for _ in range(COMPARISONS):
            work()
        return (time.process_time() - start) / COMPARISONS * 1e6

    found: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in kinds}
    listeners = dict(engine.on_choice)
    for _ in range(ROUNDS):
        for with_memory in (False, True):
            engine.on_choice.clear()
            engine.on_choice.update(listeners if with_memory else {})
            for kind, (work, rest) in kinds.items():
                found[kind][with_memory].append(time_of(work) - time_of(rest))
    return {kind: (min(without), min(remembered)) for kind, (without, remembered) in found.items()}


def check_times(program: workloads.Demo) -> dict[str, tuple[float, float]]:
    """Return for each kind of training loop the seconds of a step without and with the check of old graphs."""
    replayed = program.loss()
    older = Value(1.0) * 1.0  # than each change of a parameter

    def replay() -> None:
        replayed.forward()
        train(replayed)

    def train(loss: Value) -> None:
        for p in program.parameters:
            p.grad = 0.0
        loss.backward()
        for p in program.parameters:
            p.data -= 1e-9 * p.grad

    steps: dict[str, Callable[[], object]] = {
        "that records its loss anew": lambda: train(program.loss()),
        "that replays its loss": replay,
        "that records anew, but for one constant": lambda: train(program.loss() * older),
    }
    found: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in steps}
    listeners = dict(engine.on_old_graph)
    for _ in range(ROUNDS):
        for with_check in (False, True):
            engine.on_old_graph.clear()
            engine.on_old_graph.update(listeners if with_check else {})
            for kind, step in steps.items():
                start = time.process_time()
                step()
                found[kind][with_check].append(time.process_time() - start)
    return {kind: (min(without), min(checked)) for kind, (without, checked) in found.items()}


def main() -> None:
    for name in ("autograd, atomic", "autograd, fused"):
        program = workloads.Demo(workloads.load(name))
        gc.disable()
        off: list[float] = []
        after: list[float] = []
        on: list[float] = []
        program.step()
        for _ in range(ROUNDS):
            off.append(step_time(program))
            with detect_anomaly():
                on.append(step_time(program))
            assert engine._new_result is engine.new_node
            after.append(step_time(program))
            gc.collect()
        for kind, (without, checked) in check_times(program).items():
            print(f"{name}: a step {kind}: {1000 * without:.2f} ms, checked {1000 * checked:.2f} ms")
        best = min(off)
        print(
            f"{name}: off {1000 * best:.1f} ms, off again after a watch {1000 * min(after):.1f} ms "
            f"({min(after) / best:.2f}), watched {1000 * min(on):.0f} ms ({min(on) / best:.1f} times)"
        )
    for kind, (without, remembered) in comparison_times().items():
        print(f"a comparison {kind}: {without:.1f} us, remembered {remembered:.1f} us")


if __name__ == "__main__":
    main()
