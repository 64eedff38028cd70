"""Call a compiled C program from Python: copy arguments into memory and read results from it."""

import ctypes
import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial, update_wrapper
from itertools import accumulate
from typing import Any

from autograd._native import core
from autograd.codegen.arguments import (
    Signature,
    batch_size,
    checked_lists,
    flattened,
    is_array,
    is_flat,
    lone_number,
    pieces_in_place,
    shape_of,
)
from autograd.codegen.backend import defined
from autograd.codegen.c_library import MOST_LANES, CallLimits, Library
from autograd.codegen.out import into
from autograd.codegen.python_source import packed_pieces, tree_text
from autograd.trees import tree_leaves

_PLAIN = (list, tuple)
MOST_ARGUMENTS: int = getattr(core, "MOST_ARGUMENTS", -1)  # of a function of the native core
_ALIGNMENT = 8 * MOST_LANES  # bytes, for these vectors
_FIRST_SLICE = 256  # rounds of a `repeat`, if they are short: at most a few hundred microseconds each
_SECONDS_OF_A_SLICE = 0.05


@lru_cache(256)
def _doubles(n: int) -> type[ctypes.Array[ctypes.c_double]]:
    """Return C's type of `n` doubles. Types are in reference cycles: new ones would wait for the garbage collector."""
    return ctypes.c_double * n


# Calls without a shortcut --------------------------------------------------------------------------------------------


class _Reader:
    """Copies an argument into memory: returns a C pointer, the size of the batch or -1, and True for an array."""

    def __init__(self, k: int, tree: Any, batch: bool) -> None:
        self.k, self.tree, self.batch = k, tree, batch
        self.lone = not isinstance(tree, _PLAIN)
        self.shape = shape_of(tree)
        self.size = len(tree_leaves(tree))
        self.new = _doubles(self.size)

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
            return self.new(lone_number(self.k, argument)), -1, False
        plain = checked_lists(argument)
        if self.batch:
            n = batch_size((self.k, plain))
            numbers = flattened(self.k, self.tree, plain, n)
            return _doubles(len(numbers))(*numbers), n, arrays
        return self.new(*flattened(self.k, self.tree, plain)), -1, arrays

    def _array(self, array: Any, numpy: Any) -> tuple[Any, int, bool]:
        if array.dtype != numpy.float64 or not array.flags.carray:
            array = numpy.array(array, numpy.float64, order="C")
        n = len(array) if self.batch else -1
        if not array.size:
            return None, n, True
        memory = ctypes.c_char.from_buffer(array)
        return ctypes.byref(memory), n, not (self.lone and not self.batch)


class _GeneralCall:
    """Calls a C function with any arguments that the signature allows.

    Arguments:
        readers: one for each argument.
        signature: the signature of the function.
        work: the size in bytes of the memory that it takes as its last argument; None if it takes none.
    """

    def __init__(self, readers: Sequence[_Reader], signature: Signature, work: int | None) -> None:
        self.readers, self.signature, self.work = readers, signature, work
        self.free: list[ctypes.Array[ctypes.c_char]] = []  # kept, because the first access to new memory is slow
        self.outputs = len(tree_leaves(signature.outputs))

    @cached_property
    def lists(self) -> Callable[[Any, int], Any]:
        """Rebuilds the tree of outputs from the buffer `o` with `n` samples, as lists."""
        return defined("lists", f"def lists(o, n):\n    return {_from_buffer(self.signature, arrays=False)}\n", {})

    @cached_property
    def arrays(self) -> Callable[[Any, int], Any]:
        """Rebuilds the tree of outputs, with arrays in place of its lists."""
        return defined("arrays", f"def arrays(o, n):\n    return {_from_buffer(self.signature, arrays=True)}\n", {})

    def __call__(self, run: Any, first: tuple[Any, ...], arguments: Sequence[Any]) -> Any:
        """Call `run` with the integers in `first` and these arguments."""
        given = [reader(argument) for reader, argument in zip(self.readers, arguments)]
        n = 1
        if self.signature.batch:
            sizes = {size for _, size, _ in given if size >= 0}
            if len(sizes) != 1 or 0 in sizes:
                batch_size(*((r.k, a) for r, a in zip(self.readers, arguments) if r.batch))  # explains what is wrong
            n = sizes.pop()
            first = (*first, ctypes.c_longlong(n))
        size = self.outputs * n if self.signature.rowwise else self.outputs
        out: Any
        pointer: Any
        arrays = any(array for _, _, array in given)
        if arrays:
            import numpy as np  # noqa: PLC0415  # an array was passed, so NumPy is installed

            out = np.empty(size)
            pointer = ctypes.byref(ctypes.c_char.from_buffer(out)) if size else None
        else:
            out = pointer = _doubles(size)()
        pointers = [pointer for pointer, _, _ in given]
        if self.work is None:
            run(*first, *pointers, pointer)
        else:
            try:
                memory = self.free.pop()  # atomic: no two threads get the same memory
            except IndexError:
                memory = _aligned(self.work)
            run(*first, *pointers, pointer, memory)
            self.free.append(memory)
        return self.arrays(out, n) if arrays else self.lists(out, n)


def _aligned(size: int) -> ctypes.Array[ctypes.c_char]:
    """Return memory of `size` bytes, aligned for vectors."""
    memory = ctypes.create_string_buffer(size + _ALIGNMENT)
    return (ctypes.c_char * size).from_buffer(memory, -ctypes.addressof(memory) % _ALIGNMENT)


# The functions as source ---------------------------------------------------------------------------------------------


def _wrapper_source(
    name: str, readers: Sequence[_Reader], signature: Signature, integers: Sequence[str], quick: bool
) -> str:
    """Return the source of the function `name`, which takes the integers, then the arguments of the signature.

    If it is `quick`, floats and flat lists of them are copied at once; all other arguments, also wrong ones, are for
    `general`.
    """
    taken = [f"a{r.k}" for r in readers]
    first = [f"longlong({x})" for x in integers]
    general = f"general({tree_text(tuple(first))}, {tree_text(tuple(taken))})"
    lines = [f"def {name}({', '.join([*integers, *taken] if integers else [*taken, '*', 'out=None'])}):"]
    if not integers:
        lines += ["    if out is not None:", f"        return into(out, {general})"]
    if not signature.batch and quick and all(r.lone or is_flat(r.tree) for r in readers):
        numbers = ", ".join(a if r.lone else f"*{a}" for a, r in zip(taken, readers, strict=True))
        ready = [
            f"type({a}) is list and len({a}) == {r.size}" for a, r in zip(taken, readers, strict=True) if not r.lone
        ]
        places = [8 * end for end in accumulate((r.size for r in readers[:-1]), initial=0)]
        pointers = [f"byref(memory, {place})" for place in places]
        lines += [
            f"    if {' and '.join(ready) or 'True'}:",
            f"        numbers = [{numbers}]",
            "        if set(map(type, numbers)) == floats:",
            "            memory, o = Input(*numbers), Output()",
            f"            run({', '.join([*first, *pointers, 'o'])})",
            f"            return {_from_buffer(signature, arrays=False)}",
        ]
    return "\n".join([*lines, f"    return {general}", ""])


def _from_buffer(signature: Signature, arrays: bool) -> str:
    """Return the expression that rebuilds the tree of outputs from the buffer `o`, with `n` samples in a batch."""
    texts = []
    for piece, start, size in pieces_in_place(signature.outputs):
        end = start + size
        if not signature.rowwise:
            one = f"o.item({start})" if arrays else f"o[{start}]"
            texts.append(f"o[{start}:{end}]" if isinstance(piece, list) else one)
        elif not isinstance(piece, list):
            texts.append(f"o[{start} * n:{end} * n]")
        elif arrays:
            texts.append(f"o[{start} * n:{end} * n].reshape(n, {size})")
        elif size:
            texts.append(f"[o[i:i + {size}] for i in range({start} * n, {end} * n, {size})]")
        else:
            texts.append("[[] for _ in range(n)]")
    return packed_pieces(signature.outputs, texts)


# The library's functions ---------------------------------------------------------------------------------------------


def callable_functions(
    library: Library, signature: Signature, needs_work: bool, limits: CallLimits
) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Return the library's `compiled`, and its `repeated` or None, as functions of Python's numbers, lists and arrays.

    A small function spends most of its time on its arguments and results. So the native core calls `compiled` for
    those that need no conversion: numbers, lists of them, arrays that C can read in place. `_GeneralCall` handles all
    others, and explains errors.

    Arguments:
        library: the compiled program.
        signature: the signature of its functions.
        needs_work: True if it exports `work_bytes`, the size of the memory that its functions take last.
        limits: the numbers of samples that one call may compute.
    """
    work = library.integer("work_bytes") if needs_work else None
    readers = [_Reader(k, *entry) for k, entry in enumerate(zip(signature.inputs, signature.batched, strict=True))]
    general = _GeneralCall(readers, signature, work)

    def function(name: str, run: Any, *integers: str) -> Callable[..., Any]:
        known = {
            "general": partial(general, run),
            "run": run,
            "longlong": ctypes.c_longlong,
            "into": into(signature),
            "byref": ctypes.byref,
            "floats": {float},
            "Input": _doubles(sum(r.size for r in readers)),
            "Output": _doubles(general.outputs),
        }
        return defined(name, _wrapper_source(name, readers, signature, integers, quick=not needs_work), known)

    whole = library.function("compiled")
    slices = (
        _Slices(whole, library.function("samples"), signature, needs_work, limits.most) if signature.batch else None
    )
    compiled = function("compiled", slices or whole)
    if len(readers) <= MOST_ARGUMENTS:
        compiled = _native_function(library, compiled, general, limits)
    if not signature.feedback:
        return compiled, None
    times = _repeat_in_slices(library.function("repeated"), slices, signature, needs_work)
    return compiled, function("repeated", times, "times")


def _native_function(
    library: Library, function: Callable[..., Any], general: _GeneralCall, limits: CallLimits
) -> Callable[..., Any]:
    """Return a function of the native core that calls the program or else `function`, and looks like that."""
    signature = general.signature
    native: Callable[..., Any] = core.CompiledFunction(
        function, general.arrays, library, library.address("called"), general.work or 0, list(signature.inputs),
        signature.outputs, list(signature.batched), signature.rowwise, *limits,
    )  # fmt: skip
    return update_wrapper(native, function)


# Calls in slices, each so short that Ctrl-C does not wait: Python looks for it in between -----------------------------
#
# The arguments are converted once, for all slices, and the numbers are those of one call.


class _Slices:
    """C's `compiled` for a batch of any size: for a large one, its `samples` for consecutive ranges.

    Arguments:
        whole, samples: the library's functions.
        signature: their signature.
        needs_work: True if they take memory as their last argument.
        most: the number of samples of one slice.
    """

    def __init__(self, whole: Any, samples: Any, signature: Signature, needs_work: bool, most: int) -> None:
        self.whole, self.samples = whole, samples
        self.most = most // MOST_LANES * MOST_LANES
        # The sums of a `reduce` stay in memory between two slices: in that of the caller, if there is some.
        self.sums = len(tree_leaves(signature.outputs)) if signature.reduce and not needs_work else None

    def __call__(self, n: ctypes.c_longlong, *arguments: Any) -> None:
        if not self.in_slices(n):
            self.whole(n, *arguments)
            return
        if self.sums is not None:
            arguments = (*arguments, _aligned(max(self.sums, 1) * 8 * MOST_LANES))
        end = 0
        for left in reversed(range(0, n.value, self.most)):  # whole vectors
            begin, end = end, n.value - left
            self.samples(n, ctypes.c_longlong(begin), ctypes.c_longlong(end), *arguments)

    def in_slices(self, n: ctypes.c_longlong) -> bool:
        """Return True if `n` samples are computed in slices."""
        return n.value > self.most


def _repeat_in_slices(run: Any, batch: _Slices | None, signature: Signature, needs_work: bool) -> Callable[..., None]:
    """Return C's `repeated` in several calls.

    Between two rounds the state is in memory anyway; it is copied from slice to slice, so the caller's is only read.

    Arguments:
        run: the library's function.
        batch: what computes one round; None without a batch.
        signature: their signature.
        needs_work: True if they take memory as their last argument.
    """
    state = 1 if signature.batch else 0  # the places of pointers among the arguments after `times`
    out = state + len(signature.inputs)
    size = len(tree_leaves(signature.inputs[0]))

    def sliced(times: ctypes.c_longlong, *arguments: Any) -> None:
        # A round may take long, unless it is a few hundred microseconds at most.
        left, rounds = times.value, 1 if batch or needs_work else _FIRST_SLICE
        several, most = run, left
        if left and batch and batch.in_slices(arguments[0]):
            several, most = lambda one, *arguments: batch(*arguments), 1
        if left > rounds:
            between = _doubles(size)()
        while left > rounds:
            start = time.perf_counter()
            several(ctypes.c_longlong(rounds), *arguments)
            growth = _SECONDS_OF_A_SLICE / max(time.perf_counter() - start, 1e-9)
            ctypes.memmove(between, arguments[out], ctypes.sizeof(between))
            arguments = (*arguments[:state], between, *arguments[state + 1 :])
            left -= rounds
            # The first rounds may be slower, so the slices grow step by step.
            rounds = min(most, max(1, int(rounds * min(growth, 10.0))))
        several(ctypes.c_longlong(left), *arguments)

    return sliced
