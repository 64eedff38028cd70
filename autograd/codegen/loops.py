"""Group repeated steps, so that one loop can compute them.

A layer of neurons is recorded as thousands of steps that differ only in the addresses of their operands. Steps of one
*group* have the same operation, on operands from the same groups; a group's values are adjacent in memory, so that one
loop can run through them. Members of a group never depend on each other: an operand's group is always an earlier one.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from autograd.codegen.program import Program, bits_of


class LoopOrStep(NamedTuple):
    """A unit of a schedule: a loop over the steps of a group, or a single step."""

    steps: list[int]  # their places in the program
    is_loop: bool


def groups_of(program: Program, argument_of: Callable[[int], Hashable]) -> list[list[int]]:
    """Return the steps that can share a loop, as lists of their places, in the order of their first steps.

    Arguments:
        argument_of: returns the array that holds an input.
    """
    kinds: list[Hashable] = [("argument", argument_of(i)) for i in range(program.inputs)]
    numbers: dict[Hashable, int] = {}
    groups: list[list[int]] = []
    for place, step in enumerate(program.steps, start=program.inputs):
        key = (step.op, *[bits_of(x) if type(x) is float else kinds[x] for x in step.operands])  # type: ignore[index]
        number = numbers.setdefault(key, len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(place)
        kinds.append(number)
    return groups


def scheduled(
    program: Program, groups: Sequence[Sequence[int]], is_loop: Callable[[Sequence[int]], bool]
) -> list[LoopOrStep]:
    """Return the program as units, each after its operands' units, otherwise in recorded order."""
    unit_of: dict[int, int] = {}
    units: list[LoopOrStep] = []
    for group in groups:
        loop = is_loop(group)
        for steps in [list(group)] if loop else [[place] for place in group]:
            unit_of |= dict.fromkeys(steps, len(units))
            units.append(LoopOrStep(steps, loop))
    needed_by: defaultdict[int, list[int]] = defaultdict(list)
    missing = [0] * len(units)
    for u, unit in enumerate(units):
        read = (x for place in unit.steps for x in program.steps[place - program.inputs].operands)
        operands = {unit_of[x] for x in read if type(x) is int and x >= program.inputs}
        missing[u] = len(operands)
        for operand in operands:
            needed_by[operand].append(u)
    ready = [(unit.steps[0], u) for u, unit in enumerate(units) if not missing[u]]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, u = heapq.heappop(ready)
        ordered.append(units[u])
        for other in needed_by[u]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, (units[other].steps[0], other))
    return ordered


class NestedLoops(NamedTuple):
    """Nested loops, the outermost first, that run through several sequences of indices at once."""

    counts: list[int]  # the number of iterations of each loop
    starts: list[int]  # for each sequence, its first index
    strides: list[list[int]]  # for each sequence, the stride of each loop


def nested_loops(sequences: Sequence[Sequence[int]]) -> NestedLoops | None:
    """Return loops that generate these sequences of equal length; None if that takes more than three.

    >>> nested_loops([[0, 1, 2, 10, 11, 12], [5, 5, 5, 7, 7, 7]])
    NestedLoops(counts=[2, 3], starts=[0, 5], strides=[[10, 1], [2, 0]])
    >>> nested_loops([[3, 1, 4, 1, 5, 9, 2, 6]]) is None
    True
    """
    starts = [sequence[0] for sequence in sequences]
    counts: list[int] = []
    strides: list[list[int]] = [[] for _ in sequences]
    while len(sequences[0]) > 1 or not counts:
        length = len(sequences[0])
        steps = [sequence[1] - sequence[0] if length > 1 else 0 for sequence in sequences]
        run = min(
            next((i for i in range(1, length) if s[i] != s[0] + i * d), length)
            for s, d in zip(sequences, steps, strict=True)
        )
        runs = [list(sequence[::run]) for sequence in sequences]
        if length % run or len(counts) == 3 or (run == 1 and length > 1):
            return None
        for sequence, d, firsts in zip(sequences, steps, runs, strict=True):
            if any(sequence[i] != firsts[i // run] + i % run * d for i in range(length)):
                return None
        counts.insert(0, run)
        for stride, d in zip(strides, steps, strict=True):
            stride.insert(0, d)
        sequences = runs
    return NestedLoops(counts, starts, strides)


def stride_of(rows: Sequence[Sequence[int]]) -> int | None:
    """Return the constant difference between neighbours in all rows, or None.

    >>> stride_of([[0, 2, 4], [10, 12, 14]]), stride_of([[0, 2, 5]]), stride_of([[7], [9]])
    (2, None, 0)
    """
    stride = rows[0][1] - rows[0][0] if len(rows[0]) > 1 else 0
    return stride if all(at == row[0] + i * stride for row in rows for i, at in enumerate(row)) else None
