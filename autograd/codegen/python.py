"""A program as Python source on floats: one statement a step, no dependency, the same bits as eager.

Division and the functions of `math` that raise are called by the rows' own IEEE versions. What depends on no batched
input is computed once, before the loop over the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd.codegen.program import Operand, Program, Step
from autograd.codegen.shapes import described, is_flat, refilled, units_of
from autograd.floats import number
from autograd.nests import leaves_of, mapped
from autograd.ops import BUILT_IN, TABLE, Op

_FEW = 8  # numbers whose types are asked one by one: floats need no conversion, and half of a small call is that
_TERMS = 40  # of a long sum in one statement; Python's compiler recurses into each term


class PythonSource:
    """The text of a function for one program, made once; `text` is complete but for the names in `namespace`.

    Arguments:
        program: what to compute.
        inputs: a nest of input numbers for each argument.
        outputs: the nest of output numbers.
        batched: for each argument, whether its first axis is the batch.
        reduce: None, "sum" or "mean" over the batch.
    """

    def __init__(
        self, program: Program, inputs: Sequence[Any], outputs: Any, batched: Sequence[bool], reduce: str | None
    ) -> None:
        self.program, self.inputs, self.outputs, self.batched, self.reduce = program, inputs, outputs, batched, reduce
        self.namespace: dict[str, Any] = {
            "_number": number, "_shape_error": _shape_error, "_batch_size": batch_size, "_rows": rows,
            "_with_arrays": with_arrays, "_plain": (list, tuple), "inf": math.inf, "nan": math.nan,
        }  # fmt: skip
        varying = {i for nest, batch in zip(inputs, batched, strict=True) if batch for i in leaves_of(nest)}
        self._own: dict[Op, int] = {}
        self.once: list[str] = []
        self.each: list[str] = []
        for place, step in enumerate(program.steps, start=program.inputs):
            if any(type(x) is int and x in varying for x in step.operands):
                varying.add(place)
            self.namespace[self._function(step.op)] = step.op.computes
            (self.each if place in varying else self.once).extend(self._statements(place, step))

    def name(self, x: Operand) -> str:
        if type(x) is int:
            return f"x{x}" if x < self.program.inputs else f"v{x - self.program.inputs}"
        return f"({x!r})" if math.copysign(1, x) < 0 else repr(x)  # -2.0 ** 2 would be -4.0

    def _statements(self, place: int, step: Step) -> Iterator[str]:
        target, op, names = self.name(place), step.op, [self.name(x) for x in step.operands]
        if op in (TABLE["sum"], TABLE["dot"]):  # strictly left to right, from 0.0
            half = len(names) // 2
            terms = names if op is TABLE["sum"] else [f"{x} * {y}" for x, y in zip(names[:half], names[half:])]
            for i in range(0, len(terms), _TERMS):
                yield f"{target} = {' + '.join(['0.0' if i == 0 else target, *terms[i : i + _TERMS]])}"
        elif op in (TABLE["add"], TABLE["sub"], TABLE["mul"], TABLE["neg"]):
            yield f"{target} = {op.read(*names)}"
        elif op is TABLE["div"]:
            x, y = names
            never_zero = type(step.operands[1]) is float and step.operands[1] != 0
            yield f"{target} = {x} / {y}" if never_zero else f"{target} = {x} / {y} if {y} else div({x}, {y})"
        else:
            yield f"{target} = {self._function(op)}({', '.join(names)})"

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
        result = (
            self._reduced() if self.reduce else self._collected() if any(self.batched) else self._nest(self.outputs)
        )
        for k, nest in enumerate(self.inputs):
            if self.batched[k] or isinstance(nest, (list, tuple)):
                lines += [f"    if type(a{k}) not in _plain:", f"        return _with_arrays({result})"]
        return "\n".join([*lines, f"    return {result}"]) + "\n"

    def _parameters(self) -> str:
        return ", ".join(f"a{k}" for k in range(len(self.inputs)))

    def _loop(self) -> Iterator[str]:
        """The loop over the batch, which collects the outputs or adds them up, left to right."""
        batched = [k for k, batch in enumerate(self.batched) if batch]
        yield f"    n = _batch_size({', '.join(f'({k}, a{k})' for k in batched)})"
        units, leaves = units_of(self.outputs), leaves_of(self.outputs)
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
            yield from (f"        s{i} += {self.name(x)}" for i, x in enumerate(leaves))
        else:
            yield from (f"        r{i}.append({self._nest(unit)})" for i, unit in enumerate(units))

    def _reduced(self) -> str:
        names = iter(f"s{i}{' / n' * (self.reduce == 'mean')}" for i in range(len(leaves_of(self.outputs))))
        return _written(mapped(lambda _: next(names), self.outputs))

    def _collected(self) -> str:
        return _written(refilled(self.outputs, iter(f"r{i}" for i in range(len(units_of(self.outputs))))))

    def repeated_text(self) -> str:
        """`repeated(n, a0, a1, ...)`: n times, with the outputs fed back as the first argument."""
        lines = [f"def repeated(n, {self._parameters()}):"]
        for k, nest in enumerate(self.inputs):
            lines += self._unpacked(f"a{k}", nest, k, 1)
        lines += ["    for _ in range(n):", *(f"        {line}" for line in (*self.once, *self.each))]
        state = ", ".join(map(self.name, leaves_of(self.inputs[0])))
        lines += [f"        {state} = {', '.join(map(self.name, leaves_of(self.outputs)))}"]
        return "\n".join([*lines, f"    return {self._nest(self.inputs[0])}"]) + "\n"

    def _unpacked(self, source: str, nest: Any, k: int, depth: int) -> Iterator[str]:
        """Statements that take an argument apart into floats, or say what it should have been."""
        indent = "    " * depth
        if not isinstance(nest, (list, tuple)):
            yield f"{indent}{self.name(nest)} = {source} if type({source}) is float else _number({source})"
            return
        targets = [self.name(part) if is_flat(nest) else f"{source}_{i}" for i, part in enumerate(nest)]
        yield f"{indent}try:"
        if is_flat(nest) and 0 < len(nest) <= _FEW:
            yield f"{indent}    [{', '.join(targets)}] = {source}"
            yield f"{indent}    if not ({' is '.join(f'type({x})' for x in targets)} is float):"
            yield f"{indent}        [{', '.join(targets)}] = map(_number, [{', '.join(targets)}])"
        else:
            yield f"{indent}    [{', '.join(targets)}] = {f'map(_number, {source})' if is_flat(nest) else source}"
        yield f"{indent}except (TypeError, ValueError) as problem:"
        yield f"{indent}    raise _shape_error({k}, {described(nest)!r}, {source}, problem) from None"
        if not is_flat(nest):
            for target, part in zip(targets, nest, strict=True):
                yield from self._unpacked(target, part, k, depth)

    def _nest(self, nest: Any) -> str:
        return _written(mapped(self.name, nest))


def _written(nest: Any) -> str:
    """A nest of names as Python writes it."""
    if isinstance(nest, list):
        return f"[{', '.join(map(_written, nest))}]"
    return f"({', '.join(map(_written, nest))}{',' * (len(nest) == 1)})" if isinstance(nest, tuple) else str(nest)


def _shape_error(k: int, expected: str, got: Any, problem: Exception) -> Exception:
    found = described(rows(got))
    if found == expected:  # then number() said what is wrong with one of them
        return type(problem)(f"argument {k + 1}: {problem}")
    return ValueError(f"argument {k + 1}: expected {expected}, got {found}")


def rows(argument: Any) -> Any:
    """An argument as lists, where it is an array."""
    return argument.tolist() if hasattr(argument, "tolist") else argument


def batch_size(*arguments: tuple[int, Any]) -> int:
    """The length that all batched arguments share."""
    sizes = {}
    for k, argument in arguments:
        try:
            sizes[k] = len(argument)
        except TypeError:
            raise ValueError(f"argument {k + 1} is a batch (in_axes): expected a list of samples") from None
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"argument {k + 1} has {size}" for k, size in sizes.items())
        raise ValueError(f"batches of different sizes: {found}")
    (size,) = set(sizes.values())
    if size == 0:
        raise ValueError("an empty batch")
    return size


def with_arrays(nest: Any) -> Any:
    """Outputs with each flat list as one array, because an array was among the arguments."""
    import numpy as np  # noqa: PLC0415  # an array was passed, so it is here

    if isinstance(nest, tuple):
        return tuple(map(with_arrays, nest))
    return np.array(nest) if isinstance(nest, list) else nest


def define(name: str, text: str, namespace: dict[str, Any], filename: str) -> Callable[..., Any]:
    """Run the source and return the function of that name."""
    scope = dict(namespace)
    exec(compile(text, filename, "exec"), scope)
    function: Callable[..., Any] = scope[name]
    return function
