"""A program as Python source on floats: one statement a step, no dependency, the same bits as eager.

Division and the functions of `math` that raise are called by the rows' own IEEE versions. What depends on no batched
input is computed once, before the loop over the batch.
"""

from __future__ import annotations

import linecache
import math
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from types import FunctionType
from typing import Any

from autograd.codegen.arguments import (
    Signature,
    argument_error,
    batch_size,
    is_array,
    is_flat,
    lone,
    refilled,
    rows,
    units_of,
    written,
)
from autograd.codegen.backend import Made, repeating
from autograd.codegen.inactive import Gate, gates_of
from autograd.codegen.program import Operand, Program, Step, varying_values, without_fixed_terms
from autograd.floats import number
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import tree_leaves, tree_map, tree_shape

_FEW = 8  # numbers whose types are asked one by one: floats need no conversion, and half of a small call is that
_TERMS = 40  # of a long sum in one statement; Python's compiler recurses into each term


class PythonSource:
    """The text of a function for one program, made once; `text` is complete but for the names in `namespace`.

    Arguments:
        program: what to compute.
        signature: its arguments and its result.
    """

    branches = True
    """Whether a value is one float, so that an `if` can ask for it."""

    def __init__(self, program: Program, signature: Signature) -> None:
        self.inputs, self.outputs, self.batched, self.reduce = signature
        self.added: dict[int, Operand] = {}  # to an output, after its sum over the samples
        if self.reduce:
            leaving = len(program.outputs)
            program, added = without_fixed_terms(program, self.inputs, self.batched)
            self.added = {i: program.outputs[at] for i, at in added.items()}
            left = iter(program.outputs[:leaving])
            self.outputs = tree_map(lambda _: next(left), self.outputs)
        self.program = program
        self.namespace: dict[str, Any] = {
            "_number": number, "_argument_error": argument_error, "_batch_size": batch_size, "_rows": rows,
            "_array": _array, "_lone": lone, "_plain": (list, tuple), "_is_array": is_array, "_isfinite": math.isfinite,
            "inf": math.inf, "nan": math.nan,
        }  # fmt: skip
        self._own: dict[Op, int] = {}
        self._flags: dict[tuple[int, ...], str] = {}  # what says that one of these values is infinite or nan
        self.summed: set[int] = set()  # outputs that are added up where they are made
        self.once: list[str] = []
        self.each: list[str] = []
        self._write_steps()

    def _write_steps(self) -> None:
        """Fill `once` and `each`, the statements of what no sample changes and of what one does."""
        program, leaves = self.program, tree_leaves(self.outputs)
        varying = varying_values(program, self.inputs, self.batched)
        sums: defaultdict[int, list[int]] = defaultdict(list)
        gates: dict[int, Gate] = {}
        if self.reduce and self.branches:
            for i, x in enumerate(leaves):
                if type(x) is int and x >= program.inputs and x in varying:
                    sums[x].append(i)
            gates = gates_of(program, leaves, varying)
        self.summed = {i for outputs in sums.values() for i in outputs}
        read = {x for step in program.steps for x in step.operands if type(x) is int}
        inside = {place for gate in gates.values() for place in gate.steps}

        def lines(place: int) -> Iterator[str]:
            step, name = program.steps[place - program.inputs], self.name(place)
            if step.op is TABLE["mul"] and place not in read and len(sums[place]) == 1:
                name = step.op.read(*map(self.name, step.operands))
            else:
                yield from self._statements(place, step, place in varying)
            yield from (f"s{i} += {name}" for i in sums[place])

        for place in range(program.inputs, program.inputs + len(program.steps)):
            if place in gates:
                self.each.append(f"if {' or '.join(self._asked(gates[place], varying))}:")
                self.each += [f"    {line}" for inner in gates[place].steps for line in lines(inner)]
                if gates[place].is_read:
                    self.each += ["else:", f"    {self.name(place)} = 0.0"]
            elif place not in inside:
                (self.each if place in varying else self.once).extend(lines(place))

    def _asked(self, gate: Gate, varying: Collection[int]) -> Iterator[str]:
        """What opens a gate: its condition, or factors that are infinite or nan, which make their sum so too."""
        yield f"{self.name(gate.condition)} > 0.0"
        for lines, varies in ((self.each, True), (self.once, False)):
            factors = tuple(x for x in gate.factors if (x in varying) == varies)
            if factors and factors not in self._flags:
                flag = self._flags[factors] = f"odd{len(self._flags)}"
                lines += [*_added(flag, list(map(self.name, factors))), f"{flag} = not _isfinite({flag})"]
            if factors:
                yield self._flags[factors]

    def name(self, x: Operand) -> str:
        if type(x) is int:
            return f"x{x}" if x < self.program.inputs else f"v{x - self.program.inputs}"
        return f"({x!r})" if math.copysign(1, x) < 0 else repr(x)  # -2.0 ** 2 would be -4.0

    def _statements(self, place: int, step: Step, varies: bool) -> Iterator[str]:
        target, op, names = self.name(place), step.op, [self.name(x) for x in step.operands]
        if op in (TABLE["sum"], TABLE["dot"]):  # strictly left to right, from 0.0
            half = len(names) // 2
            terms = names if op is TABLE["sum"] else [f"{x} * {y}" for x, y in zip(names[:half], names[half:])]
            yield from _added(target, terms)
        else:
            yield f"{target} = {self._expression(step, names, varies)}"

    def _expression(self, step: Step, names: Sequence[str], varies: bool) -> str:
        """An operation on a fixed number of operands, which have these names."""
        if step.op in (TABLE["add"], TABLE["sub"], TABLE["mul"], TABLE["neg"]):
            return step.op.read(*names)
        return self._call(step, names, varies)

    def _call(self, step: Step, names: Sequence[str], varies: bool) -> str:
        """An operation that is no plain operator, on operands of these names."""
        op = step.op
        if op is TABLE["relu"]:
            return f"0.0 if {names[0]} <= 0.0 else {names[0]}"
        if op is TABLE["where"]:
            return f"{names[1]} if {names[0]} > 0.0 else {names[2]}"
        function = self._function(op)
        self.namespace[function] = op.computes
        if op is not TABLE["div"]:
            return f"{function}({', '.join(names)})"
        x, y = names
        never_zero = type(step.operands[1]) is float and step.operands[1] != 0
        return f"{x} / {y}" if never_zero else f"{x} / {y} if {y} else div({x}, {y})"

    def _function(self, op: Op) -> str:
        """Its own name; users' operations get one that is neither a value's nor that of a redefined twin."""
        return op.name if op.name in BUILT_IN else f"own{self._own.setdefault(op, len(self._own))}_{op.name}"

    # The functions -----------------------------------------------------------------------------------------------

    def text(self) -> str:
        """`compiled(a0, a1, ...)`."""
        lines = [f"def compiled({self._parameters()}):"]
        for k, nest in enumerate(self.inputs):
            if not self.batched[k]:
                lines += self._unpacked(f"a{k}", nest, k, 1)
        lines += [f"    {line}" for line in self.once]
        if any(self.batched):
            lines += self._loop()
        else:
            lines += [f"    {line}" for line in self.each]
        lines += self._returned(lambda arrays: self._result(self.outputs, arrays))
        return "\n".join(lines) + "\n"

    def _returned(self, result: Callable[[bool], str]) -> Iterator[str]:
        for k, nest in enumerate(self.inputs):
            if self.batched[k] or isinstance(nest, (list, tuple)):
                yield f"    if type(a{k}) not in _plain and _is_array(a{k}):"
                yield f"        return {result(True)}"
        yield f"    return {result(False)}"

    def _parameters(self) -> str:
        return ", ".join(f"a{k}" for k in range(len(self.inputs)))

    def _loop(self) -> Iterator[str]:
        """The loop over the batch, which collects the outputs or adds them up, left to right."""
        batched = [k for k, batch in enumerate(self.batched) if batch]
        yield f"    n = _batch_size({', '.join(f'({k}, a{k})' for k in batched)})"
        units, leaves = units_of(self.outputs), tree_leaves(self.outputs)
        if self.reduce:
            yield from (f"    s{i} = 0.0" for i in range(len(leaves)))
        else:
            yield from (f"    r{i} = []" for i in range(len(units)))
        rows, columns = ", ".join(f"b{k}" for k in batched), ", ".join(f"_rows(a{k})" for k in batched)
        yield f"    for {rows} in {columns if len(batched) == 1 else f'zip({columns})'}:"
        for k in batched:
            yield from self._unpacked(f"b{k}", self.inputs[k], k, 2)
        yield from (f"        {line}" for line in self.each)
        if self.reduce:
            yield from (f"        s{i} += {self.name(x)}" for i, x in enumerate(leaves) if i not in self.summed)
        else:
            yield from (f"        r{i}.append({self._nest(unit)})" for i, unit in enumerate(units))

    def _result(self, nest: Any, arrays: bool) -> str:
        """The outputs in such a nest; with arrays, each flat list, and each batch, as one."""
        sums = map(self._sum, range(len(tree_leaves(nest))))
        texts = []
        for i, unit in enumerate(units_of(nest)):
            if any(self.batched) and not self.reduce:
                texts.append(self._collected(f"r{i}", arrays))
            else:
                text = written(tree_map(lambda _: next(sums), unit)) if self.reduce else self._nest(unit)
                texts.append(f"_array({text})" if arrays and isinstance(unit, list) else text)
        return written(refilled(nest, iter(texts)))

    def _sum(self, i: int) -> str:
        term = self.name(self.added[i]) if i in self.added else ""
        if self.reduce == "mean":
            return f"s{i} / n + {term}" if term else f"s{i} / n"
        return f"s{i} + n * {term}" if term else f"s{i}"

    def _collected(self, name: str, arrays: bool) -> str:
        return f"_array({name})" if arrays else name

    def repeated_text(self) -> str:
        """`repeated(n, a0, a1, ...)`: n times, with the outputs fed back as the first argument."""
        lines = [f"def repeated(n, {self._parameters()}):"]
        for k, nest in enumerate(self.inputs):
            lines += self._unpacked(f"a{k}", nest, k, 1)
        lines += ["    for _ in range(n):", *(f"        {line}" for line in (*self.once, *self.each))]
        state, next_state = (list(map(self.name, tree_leaves(nest))) for nest in (self.inputs[0], self.outputs))
        lines += [f"        [{', '.join(state)}] = [{', '.join(next_state)}]"]
        lines += self._returned(lambda arrays: self._result(self.inputs[0], arrays))
        return "\n".join(lines) + "\n"

    def _unpacked(self, source: str, nest: Any, k: int, depth: int) -> Iterator[str]:
        """Statements that take an argument apart into floats, or say what it should have been."""
        indent = "    " * depth
        if not isinstance(nest, (list, tuple)):
            yield f"{indent}{self.name(nest)} = {source} if type({source}) is float else _lone({k}, {source})"
            return
        flat = is_flat(nest)
        targets = [self.name(part) if flat else f"{source}_{i}" for i, part in enumerate(nest)]
        yield f"{indent}try:"
        if flat and 0 < len(nest) <= _FEW:
            yield f"{indent}    [{', '.join(targets)}] = {source}"
            yield f"{indent}    if not ({' is '.join(f'type({x})' for x in targets)} is float):"
            yield f"{indent}        [{', '.join(targets)}] = map(_number, [{', '.join(targets)}])"
        else:
            yield f"{indent}    [{', '.join(targets)}] = {f'map(_number, {source})' if flat else source}"
        yield f"{indent}except (TypeError, ValueError, OverflowError) as problem:"
        yield f"{indent}    raise _argument_error({k}, {tree_shape(nest)!r}, {source}, problem) from None"
        if not flat:
            for target, part in zip(targets, nest, strict=True):
                yield from self._unpacked(target, part, k, depth)

    def _nest(self, nest: Any) -> str:
        return written(tree_map(self.name, nest))


def _added(target: str, terms: Sequence[str]) -> Iterator[str]:
    """Statements that add up the terms, left to right, from 0.0."""
    for i in range(0, len(terms), _TERMS):
        yield f"{target} = {' + '.join(['0.0' if i == 0 else target, *terms[i : i + _TERMS]])}"


def _array(numbers: Any) -> Any:
    import numpy as np  # noqa: PLC0415  # an array was passed, so it is here

    return np.array(numbers, dtype=float)


def python_function(program: Program, signature: Signature) -> Made:
    """The program as a Python function."""
    source = PythonSource(program, signature)
    text = source.text()
    function = defined("compiled", text, source.namespace)
    if not signature.feedback:
        return Made(text, function)
    if signature.batch:
        return Made(text, function, repeating(function))
    return Made(text, function, defined("repeated", source.repeated_text(), source.namespace))


_numbers = count(1)


def defined(name: str, text: str, namespace: dict[str, Any]) -> FunctionType:
    """Run the source, registered so that tracebacks and `inspect.getsource` show it as long as the function lives."""
    filename = f"<autograd.compile {next(_numbers)}>"
    scope = dict(namespace)
    exec(compile(text, filename, "exec"), scope)
    function: FunctionType = scope.pop(name)  # so that it is no cycle with its globals
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(function, linecache.cache.pop, filename, None)
    return function
