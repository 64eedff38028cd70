"""Measure the cost of `detect_anomaly`: micrograd's demo step without it, under it, and after it.

    python tests/benchmarks/watching.py

The three take turns in one process, so that any other load on the machine affects all of them alike. The figures are
the fastest of many steps, in processor time.
"""

from __future__ import annotations

import gc
import time

import workloads

from autograd import detect_anomaly, engine

ROUNDS = 15


def step_time(program: workloads.Workload) -> float:
    start = time.process_time()
    program.step()
    return time.process_time() - start


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
        best = min(off)
        print(
            f"{name}: off {1000 * best:.1f} ms, off again after a watch {1000 * min(after):.1f} ms "
            f"({min(after) / best:.2f}), watched {1000 * min(on):.0f} ms ({min(on) / best:.1f} times)"
        )


if __name__ == "__main__":
    main()
