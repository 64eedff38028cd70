"""Skip, in sums over samples, the products of gradients that an inactive ReLU has set to zero.

The rule of relu, and of every operation that selects, is `where(c, g, 0.0)`. Its products with finite numbers are zeros
where c is not positive. A product that is only added to an output's sum can then be skipped: sums start from 0.0 and
never become -0.0, so adding a zero of either sign changes no bit. Steps that only such products read are skipped with
them. An infinite or nan factor makes its product nan, so factors are tested first, and one that is not finite prevents
the skipping.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from autograd.codegen.program import Operand, Program, Step
from autograd.ops import TABLE


class InactiveSteps(NamedTuple):
    """Steps that matter only where `condition` > 0, or where one of `factors` is not finite."""

    condition: Operand
    factors: tuple[int, ...]
    steps: list[int]  # their places in the program, in order
    is_read: bool  # True if another step reads the choice


def inactive_steps(program: Program, outputs: Iterable[Operand], varying: Collection[int]) -> dict[int, InactiveSteps]:
    """Return the groups of steps to skip, by choice, in a program whose outputs are summed over samples.

    The choice is the `where`, the only step of a group that others may read; it is 0.0 where the steps are skipped.
    The inputs of a group's steps, and its factors, precede its choice. No step is in two groups.

    >>> from autograd import Value, grad
    >>> from autograd.codegen.program import lower
    >>> w, b, x = Value(0.5), Value(1.5), Value(2.0)
    >>> program = lower(grad(((w * x + b).relu() - 1) ** 2, [w, b]), [w, b, x])
    >>> [step.op.name for step in program.steps]
    ['mul', 'add', 'relu', 'sub', 'mul', 'where', 'mul']
    >>> inactive_steps(program, program.outputs, varying=range(2, 10))
    {8: InactiveSteps(condition=4, factors=(2,), steps=[5, 6, 7, 8, 9], is_read=False)}
    """
    exits = {x for x in outputs if type(x) is int}
    readers = Counter(x for step in program.steps for x in _values_read(step))
    groups: dict[int, InactiveSteps] = {}
    for choice, products in _products_of_choices(program, exits, readers, varying).items():
        factors = {
            x: None for place in products for x in _values_read(program.steps[place - program.inputs]) if x != choice
        }
        condition = program.steps[choice - program.inputs].operands[0]
        groups[choice] = InactiveSteps(condition, tuple(factors), products, readers[choice] > len(products))
    outside = {*exits, *(x for group in groups.values() for x in group.factors)}
    outside.update(int(group.condition) for group in groups.values())
    outside.update(x for x in readers if x < program.inputs or x not in varying)
    return {
        choice: group._replace(steps=_with_their_own(program, [choice, *group.steps], readers, outside))
        for choice, group in groups.items()
    }


def _products_of_choices(
    program: Program, exits: Collection[int], readers: Counter[int], varying: Collection[int]
) -> dict[int, list[int]]:
    """Return, for each choice between a number and 0.0, its products with earlier values that are only summed."""
    products: dict[int, list[int]] = {}
    for place, step in enumerate(program.steps, start=program.inputs):
        if step.op is TABLE["where"] and place in varying and type(step.operands[2]) is float and step.operands[2] == 0:
            products[place] = []
        elif step.op is TABLE["mul"] and place in exits and not readers[place]:
            last = max((x for x in _values_read(step)), default=0)
            if last in products and all(type(x) is int or math.isfinite(x) for x in step.operands):
                products[last].append(place)
    return {choice: places for choice, places in products.items() if places}


def _with_their_own(
    program: Program, steps: Sequence[int], readers: Counter[int], others: Collection[int]
) -> list[int]:
    """Return the steps and, transitively, all steps that only they read, in order; without the `others`."""
    inside, pending = set(steps), list(steps)
    read: Counter[int] = Counter()
    while pending:
        for x in _values_read(program.steps[pending.pop() - program.inputs]):
            read[x] += 1
            if read[x] == readers[x] and x not in others and x not in inside:  # a choice would be followed twice
                inside.add(x)
                pending.append(x)
    return sorted(inside)


def _values_read(step: Step) -> list[int]:
    """Return the distinct values that the step reads."""
    return [x for x in dict.fromkeys(step.operands) if type(x) is int]
