"""A compiled C program as a Python function: arguments into memory, results out of it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from autograd.codegen.arguments import (
    Signature,
    batch_size,
    flattened,
    is_array,
    is_flat,
    lone,
    refilled,
    rows,
    shape_of,
    units_of,
    written,
)
from autograd.codegen.backend import Made
from autograd.codegen.c import CSource
from autograd.codegen.c_build import built
from autograd.codegen.program import Program
from autograd.trees import tree_leaves

_PLAIN = (list, tuple)
_ALIGNMENT = 64  # bytes: the program's vectors


class Native:
    """The functions of a C program, callable with Python's numbers, lists and arrays.

    Each is written out for its arguments: a short way for those that are ready as they are (flat lists of floats, or
    arrays that C can read in place), because a small function spends most of its time on them, and `_run` for all
    others, and for what is wrong.

    Raises:
        CompilerError: there is no C compiler.
    """

    def __init__(self, source: CSource, signature: Signature) -> None:
        inputs, outputs, batched, reduce = signature
        self.library = built(source.text, source.options)
        work = ctypes.c_longlong.in_dll(self.library, "work_bytes").value if source.in_work else 0
        self.work = _Memory(work) if work else None
        self.readers = [_Reader(k, nest, batch) for k, (nest, batch) in enumerate(zip(inputs, batched, strict=True))]
        self.outputs = len(tree_leaves(outputs))
        self.batch, self.rowwise = signature.batch, signature.batch and reduce is None
        self.list_result = _result(outputs, self.rowwise, arrays=False)
        self.array_result = _result(outputs, self.rowwise, arrays=True)
        self.as_lists: Any = eval(f"lambda o, n: {self.list_result}")  # texts of our own, without a name of the user's
        self.as_arrays: Any = eval(f"lambda o, n: {self.array_result}")

    def function(self, name: str, first: Sequence[str] = ()) -> Callable[..., Any]:
        """A C function as a Python function of its arguments, with the integers in `first` before them."""
        run: Any = getattr(self.library, name)
        run.restype = None
        integers = [f"longlong({x})" for x in first]
        arguments = [f"a{r.k}" for r in self.readers]
        lines = [f"def {name}({', '.join([*first, *arguments])}):"]
        if self.readers and self.work is None:
            if not self.batch and all(r.lone or is_flat(r.nest) for r in self.readers):
                lines += self._for_floats(integers)
            if (
                self.outputs
                and all(r.size for r in self.readers)
                and (self.batch or all(r.shape for r in self.readers))
            ):
                lines += self._for_arrays(integers)
        lines.append(f"    return slow({written(tuple(integers))}, {written(tuple(arguments))})")
        namespace: dict[str, Any] = {
            "run": run, "longlong": ctypes.c_longlong, "byref": ctypes.byref, "start": ctypes.c_char.from_buffer,
            "floats": {float}, "ndarray": None, "float64": None, "empty": None,  # NumPy's, once somebody has loaded it
            "Input": ctypes.c_double * sum(r.size for r in self.readers), "Output": ctypes.c_double * self.outputs,
        }  # fmt: skip
        namespace["slow"] = partial(self._slow, namespace, self._run, run)
        exec("\n".join(lines), namespace)
        function: Callable[..., Any] = namespace.pop(name)  # so that it is no cycle with its globals
        return function

    def _for_floats(self, integers: Sequence[str]) -> Iterator[str]:
        ready = [f"type(a{r.k}) is list and len(a{r.k}) == {r.size}" for r in self.readers if not r.lone]
        parts = ", ".join(f"a{r.k}" if r.lone else f"*a{r.k}" for r in self.readers)
        offsets = [8 * sum(r.size for r in self.readers[:k]) for k in range(len(self.readers))]
        pointers = [f"byref(memory, {offset})" for offset in offsets]
        yield f"    if {' and '.join(ready) or 'True'}:"
        yield f"        numbers = [{parts}]"
        yield "        if set(map(type, numbers)) == floats:"
        yield "            memory, o = Input(*numbers), Output()"
        yield f"            run({', '.join([*integers, *pointers, 'o'])})"
        yield f"            return {self.list_result}"

    def _for_arrays(self, integers: Sequence[str]) -> Iterator[str]:
        arrays = [f"a{r.k}" for r in self.readers]
        batched = [f"a{r.k}" for r in self.readers if r.batch]
        ready = [f"type({a}) is ndarray and {a}.dtype is float64 and {a}.flags.aligned" for a in arrays]
        ready += [
            f"a{r.k}.shape{'[1:]' * r.batch} == {r.shape}" if r.shape else f"a{r.k}.ndim == {int(r.batch)}"
            for r in self.readers
        ]
        ready += [f"len({a})" for a in batched[:1]] + [f"len({a}) == len({b})" for a, b in pairwise(batched)]
        size = f"{self.outputs} * n" if self.rowwise else str(self.outputs)
        yield f"    if {' and '.join(ready)}:"
        yield f"        n = len({batched[0]})" if batched else "        n = 1"
        yield f"        o = empty({size})"
        yield "        try:"
        for array in (*arrays, "o"):
            yield f"            p{array} = byref(start({array}))"
        yield "        except TypeError:  # not contiguous, or not to be written to: C gets a copy"
        pointers = [f"p{a}" for a in (*arrays, "o")]
        yield "            pass"
        yield "        else:"
        yield f"            run({', '.join([*integers, *['longlong(n)'] * self.batch, *pointers])})"
        yield f"            return {self.array_result}"

    @staticmethod
    def _slow(namespace: dict[str, Any], run: Callable[..., Any], *arguments: Any) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy and namespace["ndarray"] is None:
            namespace.update(ndarray=numpy.ndarray, float64=numpy.dtype(float), empty=numpy.empty)
        return run(*arguments)

    def _run(self, run: Any, first: tuple[Any, ...], arguments: Sequence[Any]) -> Any:
        given = [reader(argument) for reader, argument in zip(self.readers, arguments)]
        n = 1
        if self.batch:
            sizes = {size for _, size, _ in given if size >= 0}
            if len(sizes) != 1 or 0 in sizes:
                batch_size(*((r.k, a) for r, a in zip(self.readers, arguments) if r.batch))  # says what is wrong
            n = sizes.pop()
            first = (*first, ctypes.c_longlong(n))
        size = self.outputs * n if self.rowwise else self.outputs
        out: Any
        pointer: Any
        arrays = any(array for _, _, array in given)
        if arrays:
            import numpy as np  # noqa: PLC0415  # an array was passed

            out = np.empty(size)
            pointer = ctypes.byref(ctypes.c_char.from_buffer(out)) if size else None
        else:
            out = pointer = (ctypes.c_double * size)()
        pointers = [pointer for pointer, _, _ in given]
        if self.work is None:
            run(*first, *pointers, pointer)
        else:
            block = self.work.take()
            run(*first, *pointers, pointer, ctypes.c_void_p(block.address))
            self.work.give_back(block)
        return self.as_arrays(out, n) if arrays else self.as_lists(out, n)


def c_function(program: Program, signature: Signature) -> Made:
    """The program as a function compiled from C.

    Raises:
        CompilerError: there is no C compiler.
        ValueError: an operation that has no C.
    """
    source = CSource(program, signature)
    native = Native(source, signature)
    repeat = native.function("repeated", ["times"]) if signature.feedback else None
    return Made(source.text, native.function("compiled"), repeat)


class _Reader:
    """Takes one argument into memory: returns C's pointer to it, the batch's size or -1, and whether it is an array."""

    def __init__(self, k: int, nest: Any, batch: bool) -> None:
        self.k, self.nest, self.batch = k, nest, batch
        self.lone = not isinstance(nest, _PLAIN)
        self.shape = shape_of(nest)
        self.size = len(tree_leaves(nest))
        self.new = ctypes.c_double * self.size

    def __call__(self, argument: Any) -> tuple[Any, int, bool]:
        kind = type(argument)
        if kind is float and self.lone and not self.batch:
            return self.new(argument), -1, False
        if kind not in _PLAIN:
            numpy = sys.modules.get("numpy")
            if numpy and kind is numpy.ndarray and argument.dtype.kind in "fiub":
                shape = argument.shape
                if (shape[1:] == self.shape and shape) if self.batch else shape == self.shape:
                    return self._array(argument, numpy)
        arrays = is_array(argument) and (self.batch or not self.lone)
        if self.lone and not self.batch:
            return self.new(lone(self.k, argument)), -1, False
        plain = rows(argument)
        if self.batch:
            n = batch_size((self.k, plain))
            numbers = flattened(self.k, self.nest, plain, n)
            return (ctypes.c_double * len(numbers))(*numbers), n, arrays
        return self.new(*flattened(self.k, self.nest, plain)), -1, arrays

    def _array(self, array: Any, numpy: Any) -> tuple[Any, int, bool]:
        if array.dtype != numpy.float64 or not array.flags.carray:
            array = numpy.array(array, numpy.float64, order="C")
        n = len(array) if self.batch else -1
        if not array.size:
            return None, n, True
        memory = ctypes.c_char.from_buffer(array)
        return ctypes.byref(memory), n, not (self.lone and not self.batch)


def _result(outputs: Any, rowwise: bool, arrays: bool) -> str:
    """The expression that cuts the outputs' nest out of the memory `o`; `rowwise` with all `n` samples of a batch."""
    texts, start = [], 0
    for unit in units_of(outputs):
        size = len(tree_leaves(unit))
        end = start + size
        if not rowwise:
            texts.append(
                f"o[{start}:{end}]" if isinstance(unit, list) else f"o.item({start})" if arrays else f"o[{start}]"
            )
        elif not isinstance(unit, list):
            texts.append(f"o[{start} * n:{end} * n]")
        elif arrays:
            texts.append(f"o[{start} * n:{end} * n].reshape(n, {size})")
        else:
            texts.append(
                f"[o[i:i + {size}] for i in range({start} * n, {end} * n, {size})]"
                if size
                else "[[] for _ in range(n)]"
            )
        start = end
    return written(refilled(outputs, iter(texts)))


class _Block:
    """So many bytes, aligned."""

    def __init__(self, size: int) -> None:
        self.memory = ctypes.create_string_buffer(size + _ALIGNMENT)
        start = ctypes.addressof(self.memory)
        self.address = start + -start % _ALIGNMENT


class _Memory:
    """Blocks for the functions that are running; they are used again, because fresh memory is slow to touch."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free: list[_Block] = []

    def take(self) -> _Block:
        try:
            return self.free.pop()  # one step of the interpreter: no two threads get the same
        except IndexError:
            return _Block(self.size)

    def give_back(self, block: _Block) -> None:
        self.free.append(block)
