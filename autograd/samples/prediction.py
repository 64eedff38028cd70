"""Compute the outputs of a model for many samples at once: record one, compile it, and keep what was compiled.

What is kept is found by the model, behind a weak reference, so it is no part of the model: it is neither copied nor
pickled with it, and goes when the model goes. A call with samples of the same shape

1. records one of them, at random, or those with numbers beyond all that were predicted so far, and compares them with
   what is kept: a model that has changed is compiled anew, one that computes something else for these is refused;
2. reads the parameters, so that training is followed without compiling;
3. computes all samples, some hundreds at a time, and compares the outputs of the recorded ones.

Compiling compares more samples, as `fit` does: those in which a number is the smallest or the largest, and some others.
A model that compares Values, or returns plain numbers, has no graph that stands for all samples: it is called for each.

NumPy is preferred to C, which is three to ten times as fast but takes up to seconds to compile: the time in which NumPy
computes a hundred thousand samples of a small network.
"""

from __future__ import annotations

import math
import random
import reprlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from typing import Any
from weakref import ref

from autograd.codegen.arguments import shape_of
from autograd.codegen.compile import BACKENDS, FASTEST_FIRST, compile_recorded
from autograd.contexts import in_own_context
from autograd.draws import drawing_from
from autograd.engine import Value, get_data
from autograd.errors import RecordingError
from autograd.events import listening_here
from autograd.floats import number
from autograd.modes import training_mode
from autograd.samples.backends import first_usable, has_numpy
from autograd.samples.recording import (
    COMPARED,
    Drawing,
    Graph,
    as_inputs,
    called,
    parameter_names,
    results_recorded,
)
from autograd.samples.reference import (
    AT_RANDOM,
    GRAPH_DOES_NOT_HOLD,
    MOVED,
    Reference,
    agree,
    check_repeatable,
    largest_in,
    leaf_names,
    refuse,
    refuse_number,
)
from autograd.samples.rows import Samples, by_shape, refuse_shapes, samples
from autograd.samples.span import Span
from autograd.text import escaped, quoted
from autograd.trees import tree_copy, tree_leaves, tree_lists, tree_shape, tree_structure

_PREFERRED = ("numpy", "python")  # the last one works everywhere
_TOGETHER = 1024  # samples: NumPy's arrays of more outgrow the processor's cache, and Ctrl-C need not wait for all
_MOST_KEPT = 64  # shapes of samples, and backends, of one model
_READS = "The model reads numbers: .data, float(...), int(...)"


class _NoGraphError(Exception):
    """No graph stands for all samples, but the model can be called for each: it compares Values, or returns numbers."""


@in_own_context
def predict(model: Any, xs: Any, backend: str = "auto") -> Any:
    """Return the outputs of a model for many samples, as `Module.predict` does.

    Arguments:
        model: anything that can be called with the inputs of one sample, and has `parameters()`.
        xs, backend: as for `Module.predict`.
    """
    choices = ("auto", *BACKENDS, "eager")
    if backend not in choices:
        raise ValueError(f"no backend {quoted(backend)}: there are {', '.join(map(repr, choices))}")
    data = samples("xs", xs, several=True, fixed=0)
    arrays = hasattr(xs, "__array__")  # of objects, too, whose numbers are in lists by now
    if data.several:
        return _merged(_by_shape(model, data, backend), len(data), arrays=arrays)
    nesting, rows = rows_of(model, data, backend)
    return _nested(nesting, rows, len(data), arrays=arrays)


def _by_shape(model: Any, data: Samples, backend: str) -> list[tuple[list[int], Any, Any]]:
    """Return for each shape the indices of the samples, the nesting of the outputs, and a row for each sample.

    Raises:
        ValueError: the model does not take some of the samples.
    """
    found, failed = [], list[tuple[list[int], Exception]]()
    for indices in by_shape(data):
        try:
            found.append((indices, *rows_of(model, data.alike(indices), backend)))
        except RecordingError:
            raise
        except Exception as problem:  # of the user's model, any
            failed.append((indices, problem))
    if failed and not found:
        raise failed[0][1]
    if failed:
        refuse_shapes(data, None, [indices for indices, *_ in found], failed)
    return found


@in_own_context
def rows_of(model: Any, data: Samples, backend: str, compared: Collection[int] = ()) -> tuple[Any, Any]:
    """Return the nesting of the model's outputs, and a row of numbers for each sample, as lists or in a matrix.

    Arguments:
        model, backend: as for `predict`; a function without `parameters()` has none.
        compared: samples to compare with the graph at each call, besides those that are compared when it is compiled.

    Raises:
        TypeError, ValueError, RecordingError: as `predict`.
    """
    if backend == "eager":
        return _called(model, data)
    try:
        with _recording(model, data) as recording:
            compiled, xs = _compiled(recording, backend, compared)
        return compiled.nesting, compiled.rows(recording, xs)
    except _NoGraphError as problem:
        if backend != "auto":
            raise RecordingError(f'{problem}; or pass backend="eager"') from None
        return _called(model, data)


def _called(model: Any, data: Samples) -> tuple[Any, list[list[float]]]:
    """Call the model for each sample."""
    rows, nestings = list[list[float]](), list[Any]()
    for i in range(len(data)):
        output = _output(model, as_inputs(tree_lists(data.rows[i])))
        rows.append(list(map(_number_of, _leaves(output))))
        nestings = [*nestings[:1], _numbered(output)]
        if nestings[0] != nestings[-1]:
            raise ValueError(_differing(data, nestings[0], nestings[-1], i))
    return nestings[0], rows


# Recording, comparing, compiling -------------------------------------------------------------------------------------


class _Recording:
    """The samples, as the model computes them."""

    def __init__(self, model: Any, data: Samples, made: list[Value]) -> None:
        self.model, self.data, self.made = model, data, made
        self.parameters = list(model.parameters()) if hasattr(model, "parameters") else []
        self.numbers = self.numbers_now()
        self.outputs: dict[int, list[Value]] = {}  # of each recorded sample
        self.draws: dict[int, list[float]] = {}  # for each of these

    def numbers_now(self) -> list[float]:
        """Read the parameters, in one step between those of a thread that trains them."""
        return list(map(get_data, self.parameters))

    def sample(self, i: int) -> tuple[Graph, Any]:
        """Record a sample, and return its graph and the nesting of its outputs.

        Raises:
            _NoGraphError: an output is a plain number, or the model compares Values.
        """
        self.made.clear()
        begin = Value(0.0)  # no number of the sample: it may have none
        inputs = as_inputs(tree_lists(self.data.rows[i]))
        source = Drawing()
        with drawing_from(source):
            output = _output(self.model, tree_copy(inputs))
        self.outputs[i] = leaves = _leaves(output)
        self.draws[i] = [u.data for u in source.drawn]
        for x in leaves:
            if type(x) is not Value:
                fixed = f"the {type(x).__name__} {_number_of(x)}"
                raise _NoGraphError(f"the model returns {fixed}, which would be the same for all samples")
        graph = Graph((self.parameters, inputs), leaves, begin, source.drawn)
        return graph, _numbered(output)

    def graph(self, i: int) -> Graph:
        return self.sample(i)[0]

    def names(self) -> list[str]:
        """Return the names of a sample's leaves: the parameters, and places in x."""
        drawn = leaf_names("nn.uniform", [0.0] * max(map(len, self.draws.values())))
        return [*parameter_names(self.model, self.parameters), *leaf_names("x", self.data.like), *drawn]

    def name_of(self, i: int) -> str:
        return f"sample {self.data.number_of(i)} of xs"


@contextmanager
def _recording(model: Any, data: Samples) -> Iterator[_Recording]:
    def stop(v: Value, other: object) -> None:
        raise _NoGraphError(COMPARED)

    with listening_here(compared=stop), results_recorded() as made:
        yield _Recording(model, data, made)


@dataclass(frozen=True)
class _Compiled:
    """The compiled graph of one sample."""

    reference: Reference
    nesting: Any
    """The model's output, with numbers from 0 in place of its Values."""
    compute: Callable[..., Any]
    """(parameters, xs), and if the model draws, the numbers for each sample -> the outputs of each sample, in rows."""
    arrays: bool
    """True if it takes NumPy arrays, False for lists."""
    rng: random.Random = field(default_factory=partial(random.Random, 0))  # the user's is left alone
    span: list[Span] = field(default_factory=list)
    """One, of all samples so far."""

    def inputs(self, data: Samples) -> Any:
        """Return samples as `compute` takes them: an array, or lists."""
        if shape_of(data.like) is None:
            data = data.flat()
        return data.as_array() if self.arrays else data.as_lists()

    def holds(self, recording: _Recording, compared: Collection[int]) -> bool:
        """Return True if the model still computes the same, as far as these samples show, or one if there are none."""
        if recording.parameters != self.reference.parameters:
            return False
        for i in compared or [self.rng.randrange(len(recording.data))]:
            graph, nesting = recording.sample(i)
            if nesting != self.nesting or self.reference.difference(graph, recording.made, recording.names):
                return False
        return True

    def rows(self, recording: _Recording, xs: Any) -> Any:
        """Compute the outputs of all samples, and compare those of the recorded ones.

        Raises:
            RecordingError: they differ.
        """
        data, numbers = recording.data, recording.numbers_now()
        parameters: Any = numbers
        if self.arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            parameters = np.array(numbers)
        compute, draws = partial(self.compute, parameters), self.reference.drawn
        if draws:
            drawn = [[random.random() for _ in range(draws)] for _ in range(len(data))]
            chunks = [compute(xs[i : i + _TOGETHER], drawn[i : i + _TOGETHER]) for i in range(0, len(data), _TOGETHER)]
        else:
            chunks = [compute(xs[i : i + _TOGETHER]) for i in range(0, len(data), _TOGETHER)]
        rows: Any = list(chain.from_iterable(chunks)) if isinstance(chunks[0], list) else np.concatenate(chunks)
        if numbers == recording.numbers:  # else another thread is training the model, and its outputs have changed
            for i, outputs in recording.outputs.items():
                row = compute(xs[i : i + 1], [recording.draws[i]])[0] if draws else rows[i]
                _check_agreement(row, outputs, recording.name_of(i))
        return rows


def _compiled(recording: _Recording, backend: str, compared: Collection[int]) -> tuple[_Compiled, Any]:
    """Return what is kept of the model, if it holds, else compile it; and the samples as it takes them.

    Raises:
        _NoGraphError: the model has to be called for each sample.
        RecordingError: its graph is not the same for all samples.
    """
    data = recording.data
    kept, key = _kept_of(recording.model), (backend, str(tree_structure(data.like)))
    compiled = kept.get(key)
    if compiled is not None:
        xs = compiled.inputs(data)
        span, known = Span.of(xs), compiled.span[0]
        compared = {*compared, *span.beyond(known, xs, compiled.rng)}
        if compiled.holds(recording, compared):
            compiled.span[0] = span.widened(known)  # not before: a sample that is refused is compared again
            return compiled, xs
        recording.outputs.clear()
    compiled = _compiled_anew(recording, backend, compared)
    xs = compiled.inputs(data)
    compiled.span.append(Span.of(xs))
    if len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept)), None)  # the oldest
    kept[key] = compiled
    return compiled, xs


def _compiled_anew(recording: _Recording, backend: str, compared: Collection[int]) -> _Compiled:
    """Compile the graph of the first sample, and compare others with it.

    Raises:
        _NoGraphError, RecordingError: as `_compiled`.
    """
    n, rng = len(recording.data), random.Random(0)
    first, nesting = recording.sample(0)
    reference = Reference(first)
    for i in sorted({*recording.data.differing(rng), *rng.sample(range(n), min(AT_RANDOM, n)), *compared}):
        graph, other = recording.sample(i)
        if other != nesting:
            raise RecordingError(f"{GRAPH_DOES_NOT_HOLD}: {_differing(recording.data, nesting, other, i)}")
        found = reference.difference(graph, recording.made, recording.names)
        if found is not None:
            name, zero = recording.name_of(i), recording.name_of(0)
            check_repeatable(graph, partial(recording.graph, i), recording.made, recording.names, name)
            moved = reference.difference(recording.graph(0), recording.made, recording.names)
            if moved is not None:
                refuse(moved, f"{zero}, as recorded", f"{zero}, now", MOVED)
            refuse(found, zero, name, _READS)

    parameters, x, *drawn = first.all_inputs()
    if shape_of(x) is None:  # flat, then, so that the samples make a matrix
        x = tree_leaves(x)

    def made(backend: str) -> _Compiled:
        compute = compile_recorded(
            first.outputs, (parameters, x, *drawn), in_axes=(None, 0, *(0 for _ in drawn)), backend=backend
        )
        arrays = math.isfinite(FASTEST_FIRST[backend].most_in_lists) and has_numpy()
        return _Compiled(reference, nesting, compute, arrays)

    return first_usable(_PREFERRED, made, "predicting")[0] if backend == "auto" else made(backend)


def _check_agreement(row: Any, outputs: Sequence[Value], name: str) -> None:
    """Raise an error unless the compiled outputs of a sample are those of the model, up to rounding."""
    differing = [(k, float(x), v) for k, (x, v) in enumerate(zip(row, outputs)) if not agree(x, [v.data])]
    for k, x, v in differing:
        if not agree(x, [v.data], largest_in([v])):
            refuse_number(f"output {k} of {name}", x, v.data)


_kept: dict[int, tuple[ref[Any], dict[Any, _Compiled]]] = {}
"""By the model's id, what was compiled for it. The model's end removes its entry, in C, without a step in Python."""


def _kept_of(model: Any) -> dict[Any, _Compiled]:
    entry = _kept.get(id(model))
    if entry is None or entry[0]() is not model:
        try:
            entry = ref(model, partial(_kept.pop, id(model))), {}
        except TypeError:  # an object of a class with slots, which nothing can be kept for
            return {}
        _kept[id(model)] = entry
    return entry[1]


# Outputs -------------------------------------------------------------------------------------------------------------


def _output(model: Any, inputs: Any) -> Any:
    """Call the model, and return its output with lists in place of arrays, and dictionaries in place of mappings."""
    with training_mode(False):
        return _in_lists(called(model, inputs))


def _parts(tree: Any) -> list[Any] | None:
    """Return the parts of an output; None for a number."""
    if isinstance(tree, Mapping):
        return list(tree.values())
    return list(tree) if isinstance(tree, (list, tuple)) or bool(getattr(tree, "ndim", 0)) else None


def _with_parts(tree: Any, parts: Iterable[Any]) -> Any:
    """Return an output that has other parts."""
    if isinstance(tree, Mapping):
        return dict(zip(tree, parts))
    if isinstance(tree, tuple):
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)  # named or not
    return list(parts)


def _in_lists(output: Any) -> Any:
    parts = _parts(output)
    return output if parts is None else _with_parts(output, map(_in_lists, parts))


def _leaves(output: Any) -> list[Any]:
    parts = _parts(output)
    return [output] if parts is None else [leaf for part in parts for leaf in _leaves(part)]


def _filled(tree: Any, leaf: Callable[[], Any]) -> Any:
    """Return an output with other leaves, from left to right."""
    parts = _parts(tree)
    return leaf() if parts is None else _with_parts(tree, [_filled(part, leaf) for part in parts])


def _numbered(output: Any) -> Any:
    """Return the nesting of an output, to compare with others: numbers from 0 in place of its leaves."""
    return _filled(output, count().__next__)


def _number_of(leaf: Any) -> float:
    if type(leaf) is Value:
        return leaf.data
    try:
        return number(leaf)
    except TypeError:
        raise TypeError(
            f"a model returns Values or numbers, or lists, tuples or dictionaries of them, got {type(leaf).__name__} "
            f"{escaped(reprlib.repr(leaf))}"
        ) from None


def _shape_of(tree: Any) -> tuple[int, ...] | None:
    """Return the shape of a number, or of lists that make a table; None for other nestings."""
    if not isinstance(tree, list):
        return None if isinstance(tree, (tuple, dict)) else ()
    shapes = {_shape_of(part) for part in tree}
    if len(shapes) > 1 or None in shapes:
        return None
    return len(tree), *(shapes.pop() or () if shapes else ())


def _differing(data: Samples, one: Any, other: Any, i: int) -> str:
    """Say that the model returns another nesting for a sample than for the first."""
    shapes = [tree_shape(one), tree_shape(other)]
    if shapes[0] == shapes[1]:
        shapes = [str(_filled(nesting, lambda: "...")).replace("'...'", "...") for nesting in (one, other)]
    places = data.number_of(0), data.number_of(i)
    return f"the model returns {shapes[0]} for sample {places[0]} of xs, {shapes[1]} for sample {places[1]}"


def _nested(nesting: Any, rows: Any, n: int, *, arrays: bool) -> Any:
    """Return the outputs of all samples in the nesting of one: a table for each number, and for each table of numbers.

    >>> _nested((0, [1, 2]), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 2, arrays=False)
    ([1.0, 4.0], [[2.0, 3.0], [5.0, 6.0]])
    """
    if arrays:
        import numpy as np  # noqa: PLC0415  # the data are an array

        matrix = np.asarray(rows, dtype=np.float64).reshape(n, -1)
    else:
        lists = rows.tolist() if hasattr(rows, "tolist") else rows

    def of_all(tree: Any) -> Any:
        shape = _shape_of(tree)
        if shape is None:
            return _with_parts(tree, map(of_all, _parts(tree) or ()))
        places = _leaves(tree)
        if arrays:
            return matrix[:, places].reshape(n, *shape)
        return [_filled(tree, map(row.__getitem__, places).__next__) for row in lists]

    return of_all(nesting)


def _merged(found: Sequence[tuple[list[int], Any, Any]], n: int, *, arrays: bool) -> Any:
    """Return the outputs of samples of several shapes as `_nested` does; what differs in shape, too, is in lists.

    Arguments:
        found: for each shape the indices of the samples, the nesting of their outputs, and a row for each.
        n: the number of all samples.

    >>> found = [([0, 2], (0, [1, 2]), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), ([1], (0, [1]), [[7.0, 8.0]])]
    >>> _merged(found, 3, arrays=False)
    ([1.0, 7.0, 4.0], [[2.0, 3.0], [8.0], [5.0, 6.0]])
    """

    def of_all(trees: Sequence[Any]) -> Any:
        parts = [_parts(tree) or [] for tree in trees]
        kinds = {(type(tree), len(p), *(tree if isinstance(tree, Mapping) else ())) for tree, p in zip(trees, parts)}
        if len(kinds) == 1 and all(_shape_of(tree) is None for tree in trees):
            return _with_parts(trees[0], map(of_all, zip(*parts)))
        outputs: list[Any] = [None] * n
        for (indices, _, rows), tree in zip(found, trees):
            places = _leaves(tree)
            for i, row in zip(indices, rows):
                outputs[i] = _filled(tree, map(float, map(row.__getitem__, places)).__next__)
        shapes = set(map(_shape_of, trees))
        if arrays and len(shapes) == 1 and None not in shapes:
            import numpy as np  # noqa: PLC0415  # the data are an array

            return np.array(outputs)
        return outputs

    return of_all([nesting for _, nesting, _ in found])
