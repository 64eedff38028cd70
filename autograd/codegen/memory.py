"""Lay out a program in memory and in parts, for targets that have arrays and loops.

A *unit* is a single step or a loop over a group; a *part* is a sequence of units that is compiled as one function, so
that the compiler's time grows linearly with the program's length. A value that is read by a loop, or outside the part
that computes it, has a slot in an array; all others are local variables of their part.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from autograd.codegen.arguments import Signature
from autograd.codegen.loops import LoopOrStep, NestedLoops, groups_of, nested_loops, scheduled, stride_of
from autograd.codegen.program import Operand, Program, Step, bits_of, varying_values
from autograd.ops import TABLE, Op
from autograd.trees import tree_leaves

_TERMS_OF_A_SPLIT_SUM = 200  # in one step, if it cannot be a loop


class Limits(NamedTuple):
    """Thresholds for loops and for the length of parts."""

    straight: int = 5_000  # a program of at most this many terms has loops for long sums only: it compiles in a second
    long: int = 64  # a sum of more terms than this always becomes a loop
    members: int = 4  # a group becomes a loop if it has at least this many members,
    looped: int = 32  # and at least this many terms together
    part: int = 600  # the maximum number of statements in a part


LIMITS = Limits()


class Slot(NamedTuple):
    """A place in memory: an element of an array."""

    array: str
    at: int


class MemoryLayout:
    """A program's units, in parts, and the slots of its values.

    Arguments:
        program: the program.
        signature: its arguments and its result.

    The arrays `a0`, `a1`, ... are the unbatched arguments, flattened; `x` holds the numbers of one sample from the
    batched arguments; `u` holds batch-invariant results (`backend.py`), `v` those that differ between samples. `once`
    and `each` are the parts that compute the former and the latter; without a batch everything is in `once`. `program`
    is the given one, with lists of constants moved to `c`, as additional inputs, and long mixed sums split.
    """

    def __init__(self, program: Program, signature: Signature) -> None:
        self.limits = LIMITS
        self.batched = signature.batch
        self.slots: dict[int, Slot] = {}
        self.lengths = {"x": 0, "u": 0, "v": 0}
        for k, tree in enumerate(signature.inputs):
            for j, i in enumerate(tree_leaves(tree)):
                if signature.batched[k]:
                    self._allot(i, "x")
                else:
                    self.slots[i] = Slot(f"a{k}", j)
        before = program.inputs
        program, self.constants = _with_lists_in_memory(program, self.limits)
        self.slots |= {before + k: Slot("c", k) for k in range(len(self.constants))}
        self.program = program
        self.varying = varying_values(program, signature)
        self.exits: dict[int, list[int]] = {}  # for each value that is an output, the indices of these outputs
        for i, x in enumerate(program.outputs):
            if type(x) is int:
                self.exits.setdefault(x, []).append(i)

        groups = groups_of(program, lambda i: self.slots[i].array)
        straight = sum(map(terms_of, program.steps)) <= self.limits.straight
        units = scheduled(program, groups, lambda group: self._worth_a_loop(group, straight))
        changing = [unit.steps[0] in self.varying for unit in units]
        self.once = self._parts([unit for unit, changes in zip(units, changing, strict=True) if not changes])
        self.each = self._parts([unit for unit, changes in zip(units, changing, strict=True) if changes])
        self.looped = {x for part in (*self.once, *self.each) for unit in part if unit.is_loop for x in unit.steps}
        self.whole = len(self.once) <= 1 and len(self.each) <= 1  # so one function suffices
        stored = self._stored()
        for group in groups:
            for place in group:
                if place in stored:
                    self._allot(place, "v" if place in self.varying else "u")

    def _allot(self, x: int, array: str) -> None:
        self.slots[x] = Slot(array, self.lengths[array])
        self.lengths[array] += 1

    def step(self, place: int) -> Step:
        return self.program.steps[place - self.program.inputs]

    def _worth_a_loop(self, group: Sequence[int], straight: bool) -> bool:
        terms = terms_of(self.step(group[0]))
        limits, members = self.limits, len(group)
        if terms <= limits.long and (straight or members < limits.members or members * terms < limits.looped):
            return False
        return all(self._runs_through_arrays(place) for place in group)

    def _runs_through_arrays(self, place: int) -> bool:
        """Return True if each operand list of a sum or dot will be in one array."""
        step = self.step(place)
        return not step.op.adds or all(
            all(type(x) is int for x in xs) and len(set(map(self._array_to_be, xs))) == 1
            for xs in step.op.lists(step.operands)
        )

    def _array_to_be(self, x: Operand) -> str:
        return self.slots[int(x)].array if x < self.program.inputs else "v" if x in self.varying else "u"

    def _stored(self) -> set[int]:
        """Return the results that need a slot: those read by a loop or another part, and most results of loops."""
        parts = [*self.once, *self.each]
        part_of = {
            place: 0 if self.whole else n for n, part in enumerate(parts) for unit in part for place in unit.steps
        }
        stored: set[int] = set()
        for part in parts:
            for unit in part:
                for place in unit.steps:
                    read = [x for x in self.step(place).operands if type(x) is int and x in part_of]
                    stored.update(x for x in read if unit.is_loop or x in self.looped or part_of[x] != part_of[place])
        if self.batched:  # batch-invariant outputs are written after the others, in `each`
            fixed = [x for x in self.exits if x in part_of and x not in self.varying]
            stored.update(x for x in fixed if x in self.looped or not self.whole)
        for part in parts:
            for unit in part:
                if unit.is_loop and not (self.leaves_directly(unit.steps) and stored.isdisjoint(unit.steps)):
                    stored.update(unit.steps)
        return stored

    def leaves_directly(self, places: Sequence[int]) -> bool:
        """Return True if each result of a loop is exactly one output, so that the loop can write it."""
        return self.leaves_when_made(places[0]) and all(len(self.exits.get(place, ())) == 1 for place in places)

    def leaves_when_made(self, place: int) -> bool:
        """Return True if an output is written as it is computed; batch-invariant ones of a batch are written later."""
        return place in self.varying or not self.batched

    def _parts(self, units: Iterable[LoopOrStep]) -> list[list[LoopOrStep]]:
        parts: list[list[LoopOrStep]] = []
        size = self.limits.part
        for unit in units:
            # A loop counts as a few statements. Four terms of a long sum cost the compiler about as much as one.
            length = 10 if unit.is_loop else 1 + terms_of(self.step(unit.steps[0])) // 4
            if not parts or size + length > self.limits.part:
                parts.append([])
                size = 0
            parts[-1].append(unit)
            size += length
        return parts


def _with_lists_in_memory(program: Program, limits: Limits) -> tuple[Program, list[float]]:
    """Return the program with its lists of constants as additional inputs, and these constants.

    Long sums of values and constants are split. Each part starts with the sum so far, so the order of addition, and
    every bit, stays the same.
    """
    straight = sum(map(terms_of, program.steps)) <= limits.straight
    shortest = limits.long if straight else 1
    starts: dict[tuple[bytes, ...], int] = {}
    constants: list[float] = []
    at: dict[bytes, Operand] = {}  # the first input that holds each
    for step in program.steps:
        for xs in step.op.lists(step.operands) if step.op.adds else []:
            if len(xs) > shortest and all(type(x) is float for x in xs):
                key = tuple(map(bits_of, xs))
                if key not in starts:
                    starts[key] = len(constants)
                    for bits, x in zip(key, xs, strict=True):
                        at.setdefault(bits, program.inputs + len(constants))
                        constants.append(x)
    first = program.inputs
    inputs = first + len(constants)
    moved: dict[Operand, Operand] = {i: i for i in range(first)}
    steps: list[Step] = []

    def add(op: Op, operands: Iterable[Operand]) -> int:
        steps.append(Step(op, tuple(operands)))
        return inputs + len(steps) - 1

    for place, step in enumerate(program.steps, start=first):
        if not step.op.adds:  # a constant that a list has too: in a gradient, the data of its dot
            lifted = at if step.op is TABLE["mul"] and not straight else {}
            moved[place] = add(
                step.op, [moved[x] if type(x) is int else lifted.get(bits_of(x), x) for x in step.operands]
            )
            continue
        lists = []
        for xs in step.op.lists(step.operands):
            start = starts.get(tuple(bits_of(x) if type(x) is float else b"" for x in xs))
            known = [moved[x] if type(x) is int else x for x in xs]
            lists.append(known if start is None else [first + start + k for k in range(len(xs))])
        mixed = any(len(set(map(type, xs))) > 1 for xs in lists)
        if mixed and len(lists[0]) > limits.part:
            terms = lists[0] if len(lists) == 1 else [add(TABLE["mul"], pair) for pair in zip(*lists, strict=True)]
            total = add(TABLE["sum"], terms[:_TERMS_OF_A_SPLIT_SUM])
            for i in range(_TERMS_OF_A_SPLIT_SUM, len(terms), _TERMS_OF_A_SPLIT_SUM):
                total = add(TABLE["sum"], [total, *terms[i : i + _TERMS_OF_A_SPLIT_SUM]])
            moved[place] = total
        else:
            moved[place] = add(step.op, [x for xs in lists for x in xs])
    return Program(inputs, steps, [moved[x] if type(x) is int else x for x in program.outputs]), constants


def terms_of(step: Step) -> int:
    """Return the number of terms that the step adds; 1 except for sum and dot."""
    return len(step.op.lists(step.operands)[0]) if step.op.adds else 1


class LoopOperand:
    """One operand of all members of a loop: a list of terms for each member, all of them in one array.

    Nested loops over the members, the outermost first, with these `counts` and `strides`, run through the first terms
    from `start`, and `stride` is from term to term; or all indices are in `table`.

    Arguments:
        slots: the lists.
        added: True if each list is summed; `terms` is then its length, else None.
    """

    def __init__(self, slots: Sequence[Sequence[Slot]], added: bool = False) -> None:
        self.array, self.terms = slots[0][0].array, len(slots[0]) if added else None
        self.indices = [[slot.at for slot in terms] for terms in slots]
        self.starts = [row[0] for row in self.indices]
        self.stride = stride_of(self.indices)
        self.start, self.counts, self.strides, self.table = 0, [0], [0], ""


def run_through(operands: Sequence[LoopOperand], table: Callable[[LoopOperand], str]) -> NestedLoops | None:
    """Find loops that run through all these operands at once, and return them; None if there are none.

    Then each operand gets its own loop or, if it has none, the name that `table` returns for a table of its indices.
    """
    loops = nested_loops([o.starts for o in operands]) if all(o.stride is not None for o in operands) else None
    for n, o in enumerate(operands):
        own = nested_loops([o.starts]) if not loops and o.stride is not None else None
        if loops:
            o.start, o.counts, o.strides = loops.starts[n], loops.counts, loops.strides[n]
        elif own and len(own.counts) == 1:
            o.start, o.counts, o.strides = own.starts[0], own.counts, own.strides[0]
        else:
            o.table = table(o)
    return loops


class StridedRun(NamedTuple):
    """Indices that go up by 1, paired with slots in one array that go up by `stride`."""

    first: int
    slot: Slot
    length: int
    stride: int


class EqualRun(NamedTuple):
    """Adjacent indices with the same expression."""

    first: int
    length: int
    text: str


def equal_runs(pairs: Iterable[tuple[int, str]]) -> Iterator[EqualRun]:
    """Yield the runs in pairs of an index and an expression.

    >>> [*equal_runs([(0, "0.0"), (1, "0.0"), (3, "0.0"), (4, "v7")])]
    [EqualRun(first=0, length=2, text='0.0'), EqualRun(first=3, length=1, text='0.0'), \
EqualRun(first=4, length=1, text='v7')]
    """
    for (text, _), run in groupby(enumerate(pairs), lambda item: (item[1][1], item[1][0] - item[0])):
        indices = [i for _, (i, _) in run]
        yield EqualRun(indices[0], len(indices), text)


def strided_runs(pairs: Iterable[tuple[int, Slot]]) -> Iterator[StridedRun]:
    """Yield the runs in pairs of an index and a slot."""
    run: StridedRun | None = None
    for index, slot in pairs:
        if run and index == run.first + run.length and slot.array == run.slot.array:
            stride = slot.at - run.slot.at if run.length == 1 else run.stride
            if slot.at == run.slot.at + run.length * stride:
                run = run._replace(length=run.length + 1, stride=stride)
                continue
        if run:
            yield run
        run = StridedRun(index, slot, 1, 0)
    if run:
        yield run
