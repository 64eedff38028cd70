"""Compile to Python source on floats: no dependency, one statement for each step, the same bits as the graph.

For division, and for functions of `math` that raise, it calls the IEEE versions of the table of operations.
Batch-invariant steps (`backend.py`) are computed once, before the loop over the batch.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from autograd.codegen.arguments import Signature, pieces_of
from autograd.codegen.backend import CompiledCode, defined, repeating, spelled_out
from autograd.codegen.inactive import InactiveSteps, inactive_steps
from autograd.codegen.out import into
from autograd.codegen.program import Program, Step, varying_values, without_fixed_terms
from autograd.codegen.python_source import (
    NAMES,
    Name,
    Statements,
    added,
    assignment,
    function_text,
    head_of_compiled,
    indented,
    packed,
    packed_pieces,
    parameters,
    straight_statements,
    tree_text,
    unpacking,
    variable_names,
)
from autograd.codegen.spelling import spelling_of
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import tree_leaves, tree_map


class FloatSpelling:
    """The spelling of operations on floats, in Python."""

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {}
        self._own: dict[Op, int] = {}

    def expression(self, step: Step, names: Sequence[str]) -> str:
        op = step.op
        if op is TABLE["div"] and type(step.operands[1]) is float and step.operands[1] != 0:
            return op.read(*names)
        function = self.function_name(op)
        text = spelling_of(op).write("python", names) if op.built_in else f"{function}({', '.join(names)})"
        for called in re.findall(r"\w+(?=\()", text):  # itself, or another row, as floordiv calls div for y = 0
            if called == function or called in BUILT_IN:
                self.functions[called] = op.computes if called == function else TABLE[called].computes
        return text

    def function_name(self, op: Op) -> str:
        """Return the operation's name; for a user's, one distinct from values and from operations of that name."""
        return op.name if op.built_in else f"own{self._own.setdefault(op, len(self._own))}_{op.name}"


def python_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to a function on Python's floats."""
    program, signature, terms = without_fixed_terms(*spelled_out(program, signature, "python"))
    name, spelling = variable_names(program), FloatSpelling()
    if signature.reduce:
        statements, summed = _summing_statements(program, signature, name, spelling)
    else:
        statements, summed = straight_statements(program, signature, name, spelling), set[int]()
    outputs = tree_leaves(signature.outputs)
    numbers = list(map(name, outputs))
    if signature.reduce:  # the sums `s0`, `s1`, ... over `n` samples, and the terms that are added once
        mean, times = (" / n", "") if signature.reduce == "mean" else ("", "n * ")
        fixed = {i: f" + {times}{name(x)}" for i, x in terms.items()}
        numbers = [f"s{i}{mean}{fixed.get(i, '')}" for i in range(len(outputs))]

    def result(arrays: bool) -> str:
        if signature.rowwise:
            pieces = [f"r{i}" for i in range(len(pieces_of(signature.outputs)))]
            return packed_pieces(signature.outputs, [f"_array({r})" for r in pieces] if arrays else pieces)
        return packed(signature.outputs, numbers, arrays)

    body = [
        *statements.once,
        *(_loop(statements.each, signature, name, summed) if signature.batch else statements.each),
    ]
    text = function_text(head_of_compiled(signature), signature, name, body, result, out=True)
    namespace = {**NAMES, "_into": into(signature), "_isfinite": math.isfinite, **spelling.functions}
    function = defined("compiled", text, namespace)
    if not signature.feedback:
        return CompiledCode(text, function)
    if signature.batch:
        return CompiledCode(text, function, repeating(function))
    return CompiledCode(text, function, defined("repeated", _repeated_text(statements, signature, name), namespace))


def _repeated_text(statements: Statements, signature: Signature, name: Name) -> str:
    """Return `repeated(n, a0, a1, ...)`, which feeds the outputs back as the first argument n times."""
    state, next_state = (", ".join(map(name, tree_leaves(t))) for t in (signature.inputs[0], signature.outputs))
    body = ["for _ in range(n):", *indented([*statements.once, *statements.each, f"[{state}] = [{next_state}]"])]
    return function_text(
        f"repeated(n, {parameters(signature)})", signature, name, body,
        lambda arrays: packed(signature.inputs[0], map(name, tree_leaves(signature.inputs[0])), arrays),
    )  # fmt: skip


# Batches -------------------------------------------------------------------------------------------------------------


def _loop(each: Sequence[str], signature: Signature, name: Name, summed: Collection[int]) -> Iterator[str]:
    """Yield the loop over the batch, which collects the outputs or adds them, left to right.

    Arguments:
        summed: the outputs whose sums are already in `each`.
    """
    pieces, outputs, batched = pieces_of(signature.outputs), tree_leaves(signature.outputs), signature.batched_arguments
    yield f"n = _batch_size({', '.join(f'({k}, a{k})' for k in batched)})"
    if signature.reduce:
        yield from (f"s{i} = 0.0" for i in range(len(outputs)))
    else:
        yield from (f"r{i} = []" for i in range(len(pieces)))
    rows, columns = ", ".join(f"b{k}" for k in batched), ", ".join(f"_rows(a{k})" for k in batched)
    yield f"for {rows} in {columns if len(batched) == 1 else f'zip({columns})'}:"
    for k in batched:
        yield from indented(unpacking(f"b{k}", signature.inputs[k], k, name))
    yield from indented(each)
    if signature.reduce:
        yield from (f"    s{i} += {name(x)}" for i, x in enumerate(outputs) if i not in summed)
    else:
        yield from (f"    r{i}.append({tree_text(tree_map(name, piece))})" for i, piece in enumerate(pieces))


def _summing_statements(
    program: Program, signature: Signature, name: Name, spelling: FloatSpelling
) -> tuple[Statements, set[int]]:
    """Return statements that add outputs to their sums `s0`, `s1`, ... as soon as they are computed, and these outputs.

    Products that an inactive ReLU sets to zero can then be skipped together with their sums (`inactive.py`).
    """
    outputs = tree_leaves(signature.outputs)
    varying = varying_values(program, signature)
    sums: defaultdict[int, list[int]] = defaultdict(list)
    for i, x in enumerate(outputs):
        if type(x) is int and x >= program.inputs and x in varying:
            sums[x].append(i)
    groups = inactive_steps(program, outputs, varying)
    inside = {place for group in groups.values() for place in group.steps}
    read = {x for step in program.steps for x in step.operands if type(x) is int}
    statements = Statements([], [])
    flags: dict[tuple[int, ...], str] = {}  # variables that are True if one of these values is infinite or nan

    def lines(place: int) -> Iterator[str]:
        step, text = program.steps[place - program.inputs], name(place)
        if step.op is TABLE["mul"] and place not in read and len(sums[place]) == 1:
            text = step.op.read(*map(name, step.operands))
        else:
            yield from assignment(place, step, name, spelling)
        yield from (f"s{i} += {text}" for i in sums[place])

    def conditions(group: InactiveSteps) -> Iterator[str]:
        """Yield the tests for a group that is active: its condition, or a factor (so the sum of factors) not finite."""
        yield f"{name(group.condition)} > 0.0"
        for flagged, varies in ((statements.each, True), (statements.once, False)):
            factors = tuple(x for x in group.factors if (x in varying) == varies)
            if factors and factors not in flags:
                flag = flags[factors] = f"odd{len(flags)}"
                flagged += [*added(flag, list(map(name, factors))), f"{flag} = not _isfinite({flag})"]
            if factors:
                yield flags[factors]

    for place in range(program.inputs, program.inputs + len(program.steps)):
        if place in groups:
            group = groups[place]
            statements.each.append(f"if {' or '.join(conditions(group))}:")
            statements.each.extend(indented(line for inner in group.steps for line in lines(inner)))
            if group.is_read:
                statements.each.extend(["else:", f"    {name(place)} = 0.0"])
        elif place not in inside:
            (statements.each if place in varying else statements.once).extend(lines(place))
    return statements, {i for indices in sums.values() for i in indices}
