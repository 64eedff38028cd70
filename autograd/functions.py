"""Differentiate Values and functions in both modes, and compose functions of lists: mean, logsumexp, softmax.

Derivatives. The rules of the table pull gradients back. Each is linear in the gradient, and the Jacobian of an
operation with one result is a row; so what a rule makes of the tangent of an operand is what that adds to the tangent
of the result: tangent(z) = Σ ruleᵢ(tᵢ, z, ...). One table serves reverse mode (`engine.pulled_back`) and forward mode
(`forward.pushed`), and all derivatives here are made of these two. Names, arguments and nesting are those of JAX.

A function is differentiated with respect to fresh nodes: a leaf in place of a number; in place of a Value, which may be
another function's, a new result that depends on it. So nested functions do not confuse their perturbations: J. M.
Siskind and B. A. Pearlmutter, Nesting forward-mode AD in a functional framework, Higher-Order and Symbolic Computation
21 (2008), https://doi.org/10.1007/s10990-008-9037-1.

Functions of lists. Each takes a list, tuple or array of numbers and Values. Of numbers alone it returns floats;
otherwise Values, which can be differentiated any number of times and compiled for every target.

The exponentials are those of the differences from the largest value, so none overflows. Algebraically nothing depends
on what is subtracted, so no gradient passes to it. Formulas, and how accurate they are: P. Blanchard, D. J. Higham and
N. J. Higham, Accurately computing the log-sum-exp and softmax functions, IMA Journal of Numerical Analysis 41 (2021),
https://doi.org/10.1093/imanum/draa038, equations 1.4 and 3.8. At infinities and nan, values and first derivatives are
those of PyTorch in float64.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from numbers import Integral, Real
from typing import Any, Never, overload

from autograd import engine, hints, ops
from autograd.engine import Value, created, current_graph, graph_of, next_order, pulled_back
from autograd.events import announce, differentiated
from autograd.floats import number
from autograd.forward import Tangents, is_zero, pushed
from autograd.operands import flatten, nonempty
from autograd.trees import (
    array_of,
    array_shape,
    nest_filled,
    nest_map,
    nest_numbers,
    nest_of_blocks,
    nest_shape,
    numbers_matched,
)

_LARGEST_FLOAT = sys.float_info.max


# Derivatives of a Value, or of a function ----------------------------------------------------------------------------


@overload
def grad(output: Value, inputs: Any) -> Any: ...
@overload
def grad(
    output: Callable[..., Any], inputs: Any = 0, has_aux: bool = False, *, argnums: Any = 0
) -> Callable[..., Any]: ...
def grad(output: Any, inputs: Any = ..., has_aux: bool = False, *, argnums: Any = ..., **others: Never) -> Any:
    """Return gradients as Values, `grad(output, inputs)`, or the gradient of a function, `grad(f, argnums=0)`.

    Of a Value: `inputs` is a Value (a leaf or an intermediate one), or a tree of them, nested lists and tuples. The
    gradients have the same nesting; that of an input that the output does not depend on is `Value(0.0)`. They can be
    differentiated again, and no `.grad` changes. What is recorded reads as it would on paper: rules leave out what
    changes no number (`folds.py`). So a gradient may be a Value of the graph itself: that of x * w by x is `w`.

    Of a function that returns one number, as in JAX and in HIPS autograd: a function of the same arguments. `argnums`
    is the place of the argument to differentiate by, or a tuple of places, for a tuple of gradients. The argument is a
    number, or numbers in nested lists, tuples, dictionaries and arrays, and the gradient is alike. It consists of
    floats; of Values if that argument has Values, if another one is a Value, or where it depends on one that comes from
    outside, so that it can be differentiated again. With `has_aux=True` the function returns a pair, the number and
    anything else; then so does its gradient.

    Warns:
        UserWarning: an input was made from `output`: the arguments are swapped.

    Raises:
        TypeError: `output` is neither a Value nor a function, an input is not a Value, an argument is no number, or the
            function does not return one.
        ValueError: the function is called without an argument at that place.

    >>> x, w = Value(3.0), Value(2.0)
    >>> first = grad(x ** 3, x)
    >>> first.data, grad(first, x).data, grad(x * w, x) is w
    (27.0, 18.0, True)
    >>> grad(lambda x: x ** 3)(3.0), grad(grad(lambda x: x ** 3))(3.0)
    (27.0, 18.0)
    >>> grad(lambda xs, y: xs[0] * xs[1] * y, argnums=(0, 1))([2.0, 3.0], 5.0)
    ([15.0, 10.0], 6.0)
    """
    if not callable(output):
        _check_graph_form("grad", inputs, others, argnums is not ... or has_aux)
        return engine.grad(output, inputs)

    def derivative(call: _Call) -> Any:
        return call.with_aux(nest_filled(call.inputs, call.settled(_gradient(call.root(), call.wanted))))

    return _function("grad", output, (inputs, argnums), derivative, others, has_aux=has_aux)


def value_and_grad(
    f: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, **others: Never
) -> Callable[..., Any]:
    """Return a function that returns a pair: what `f` returns, and its gradient, which see `grad`.

    With `has_aux=True`, the first is the pair that `f` returns.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """
    if not callable(f):
        raise TypeError(hints.no_function("value_and_grad", f))

    def derivative(call: _Call) -> Any:
        value, *gradient = call.settled([*call.outputs, *_gradient(call.root(), call.wanted)])
        return call.with_aux(value), nest_filled(call.inputs, gradient)

    return _function("value_and_grad", f, (argnums,), derivative, others, has_aux=has_aux)


def jacobian(outputs: Any, inputs: Any = ..., has_aux: bool = False, *, argnums: Any = ..., **others: Never) -> Any:
    """Return the derivatives of Values, `jacobian(outputs, inputs)`, or those of a function, `jacobian(f, argnums=0)`.

    Of Values, they are Values; of a function, it is one of the same arguments. See `grad` for both. The nesting is that
    of the outputs, with that of the inputs at each of its leaves. An array is a leaf: with arrays of shapes (2,) and
    (3,) it has the shape (2, 3). With `has_aux=True` the function returns a pair, and so does its derivative.

    Raises:
        TypeError, ValueError: as `grad` does, but the function may return nested numbers.

    >>> x, y = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in jacobian([x * y, x + y], [x, y])]
    [[3.0, 2.0], [1.0, 1.0]]
    >>> jacobian(lambda x, y: [x * y, x + y], argnums=(0, 1))(2.0, 3.0)
    [(3.0, 2.0), (1.0, 1.0)]
    """
    if not callable(outputs):
        _check_graph_form("jacobian", inputs, others, argnums is not ... or has_aux)
        return nest_of_blocks(outputs, inputs, _jacobian(nest_numbers(outputs), flatten(nest_numbers(inputs))))

    def derivative(call: _Call) -> Any:
        return call.with_aux(call.blocks(call.output, _jacobian(call.roots, call.wanted)))

    return _function("jacobian", outputs, (inputs, argnums), derivative, others, has_aux=has_aux)


def hessian(output: Any, inputs: Any = ..., has_aux: bool = False, *, argnums: Any = ..., **others: Never) -> Any:
    """Return the second derivatives of a Value, `hessian(output, inputs)`, or of a function, `hessian(f, argnums=0)`.

    Of a Value, they are Values; of a function, it is one of the same arguments. See `grad` for both. The nesting is
    that of the inputs, with that of the inputs again at each of its leaves; of a function that returns nested numbers,
    the nesting of these outside. With `has_aux=True` the function returns a pair, and so does its derivative.

    The matrix is symmetric, so of two entries across its diagonal one is computed: they are the same Value. All entries
    that are 0 whatever the numbers are, because nothing connects their inputs, are one Value, too. (Where one input was
    made from another, both entries are computed, which may differ: each is the derivative of a gradient, as by `grad`.)
    They agree with those of `grad` of `grad` but for rounding, and for what nan and infinities do on the way.

    Raises:
        TypeError, ValueError: as `grad` does.

    >>> x, y = Value(2.0), Value(3.0)
    >>> second = hessian(x * x * y, [x, y])
    >>> [[d.data for d in row] for row in second], second[0][1] is second[1][0]
    ([[6.0, 4.0], [4.0, 0.0]], True)
    >>> hessian(lambda xs: xs[0] * xs[0] * xs[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    >>> hessian(lambda xs: [xs[0] * xs[1], xs[1]])([2.0, 3.0])
    [[[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    if not callable(output):
        _check_graph_form("hessian", inputs, others, argnums is not ... or has_aux)
        return nest_of_blocks(inputs, inputs, _hessian(output, flatten(nest_numbers(inputs))))

    def derivative(call: _Call) -> Any:
        rows = [row for output in call.roots for row in _hessian(output, call.wanted)]
        every = range(len(rows))  # for the order of rows: that of numbers in the nest of the Jacobian
        places = nest_of_blocks(call.output, call.inputs, _in_rows(lambda _: every, [call.wanted] * len(call.roots)))
        return call.with_aux(call.blocks(places, [rows[i] for i in nest_numbers(places)]))

    return _function("hessian", output, (inputs, argnums), derivative, others, has_aux=has_aux)


def jvp(
    outputs: Any,
    inputs: Any = ...,
    tangents: Any = ...,
    has_aux: bool = False,
    *,
    primals: Any = ...,
    **others: Never,
) -> Any:
    """Return tangents, how fast outputs change as their inputs change: forward mode, of Values or of a function.

    Arguments:
        outputs: a Value, or a tree of them. Or a function: `jvp(f, primals, tangents)` returns what it returns, and the
            tangents of that.
        inputs: a Value, or a tree of them. For a function, a tuple of its arguments, which may be named `primals`.
        tangents: how fast each input changes, in the same nesting: numbers or Values. By an input whose tangent is a
            plain 0.0, nothing changes; it is not multiplied.
        has_aux: the function returns a pair; the second of it comes third.

    The tangents have the nesting of the outputs. They are Values; of a function, floats where `grad` has floats.

    Raises:
        TypeError: an output or an input is not a Value, or a tangent not a number.
        ValueError: the nesting of the tangents is not that of the inputs.

    >>> x, y = Value(2.0), Value(3.0)
    >>> jvp([x * y, x + y], [x, y], [1.0, 0.0])
    [Value(data=3.0, grad=0.0), Value(data=1.0, grad=0.0)]
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    inputs, tangents = _given("jvp", others, (inputs, primals), (tangents,))
    if not callable(outputs):
        _check_graph_form("jvp", inputs, others, has_aux)
        roots, wanted = nest_numbers(outputs), flatten(nest_numbers(inputs))
        pushes = _matching(tangents, inputs, "tangents", "inputs")
        return nest_filled(outputs, _tangents(current_graph(*roots), roots, wanted, pushes))
    call = _call_of_all("jvp", outputs, inputs, tangents, has_aux)
    pushes = _matching(tangents, inputs, "tangents", "primals")
    slopes = _tangents(current_graph(*call.roots), call.roots, call.wanted, pushes)
    pair = tuple(nest_filled(call.output, call.settled(numbers, pushes)) for numbers in (call.outputs, slopes))
    return (*pair, call.aux()) if has_aux else pair


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return what a function returns, and a function that pulls gradients of that back to its arguments.

    That takes gradients in the nesting of what the function returns, and returns a tuple with one entry for each
    argument, in its nesting. See `grad` for arguments and results. With `has_aux=True` the function returns a pair; the
    second of it comes third.

    >>> out, pull = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> out, pull([1.0, 0.0]), pull([10.0, 1.0])
    ([6.0, 5.0], (3.0, 2.0), (31.0, 21.0))
    """
    if not callable(f):
        raise TypeError(hints.no_function("vjp", f))
    call = _call_of_all("vjp", f, primals, has_aux=has_aux)

    def pull(cotangents: Any) -> Any:
        given = _matching(cotangents, call.output, "cotangents", "what the function returns")
        seeds: dict[Value, Any] = {}
        for output, g in zip(call.roots, given):
            if not is_zero(g):
                seeds[output] = seeds[output] + g if output in seeds else g
        found = _as_values(pulled_back(current_graph(*call.roots), seeds, call.wanted))
        for output in seeds:
            announce(differentiated, output, call.wanted, found)
        return nest_filled(primals, call.settled(found, given))

    result = nest_filled(call.output, call.settled(call.outputs)), pull
    return (*result, call.aux()) if has_aux else result


def hvp(
    output: Any,
    inputs: Any = ...,
    vectors: Any = ...,
    *,
    primals: Any = ...,
    tangents: Any = ...,
    **others: Never,
) -> Any:
    """Return the product of the Hessian and a vector, without the Hessian: the tangents of the gradient.

    Arguments:
        output: a Value. Or a function: `hvp(f, primals, tangents)` is the second of `jvp(grad(f), primals, tangents)`,
            the tangents of its gradient by the first argument as all of them change.
        inputs: a Value, or a tree of them. For a function, a tuple of its arguments, which may be named `primals`.
        vectors: a number or a Value for each input, in the same nesting. For a function they may be named `tangents`.

    The result has the nesting of the inputs; that of the first argument for a function.

    Raises:
        TypeError, ValueError: as `jvp` does.

    >>> x, y = Value(2.0), Value(3.0)
    >>> hvp(x * x * y, [x, y], [1.0, 0.0])
    [Value(data=6.0, grad=0.0), Value(data=4.0, grad=0.0)]
    >>> hvp(lambda xs: xs[0] * xs[0] * xs[1], ([2.0, 3.0],), ([1.0, 0.0],))
    [6.0, 4.0]
    """
    inputs, vectors = _given("hvp", others, (inputs, primals), (vectors, tangents))
    if not callable(output):
        wanted, pushes = flatten(nest_numbers(inputs)), _matching(vectors, inputs, "vectors", "inputs")
        gradient = _gradient(output, wanted)
        return nest_filled(inputs, _tangents(graph_of(*gradient), gradient, wanted, pushes))
    call = _call_of_all("hvp", output, inputs, vectors)
    if not inputs:
        raise TypeError(hints.no_tuple("hvp", inputs))
    pushes = _matching(vectors, inputs, "tangents", "primals")
    gradient = _gradient(call.root(), call.wanted[: len(nest_numbers(inputs[0]))])
    found = _tangents(graph_of(*gradient), gradient, call.wanted, pushes)
    return nest_filled(inputs[0], call.settled(found, pushes))


# Derivatives of Values in lists --------------------------------------------------------------------------------------


def _as_values(numbers: Sequence[Any]) -> list[Value]:
    """Return Values as they are, and floats as new leaves: one for all that are equal to the last bit."""
    floats = {x.hex(): x for x in numbers if type(x) is float}
    leaves = {text: Value(x) for text, x in floats.items()}
    return [leaves[x.hex()] if type(x) is float else x for x in numbers]


def _gradient(output: Value, wanted: Sequence[Value]) -> list[Value]:
    found = _as_values(pulled_back(current_graph(output), {output: 1.0}, wanted))
    announce(differentiated, output, wanted, found)
    return found


def _tangents(nodes: Sequence[Value], outputs: Sequence[Value], wanted: Sequence[Value], ts: Iterable[Any]) -> Any:
    tangents = pushed(nodes, [(x, 0, t) for x, t in zip(wanted, ts)], dict.fromkeys(outputs, 0))
    found = _in_rows(_as_values, _rows(tangents, outputs, 1))
    _announce_rows(outputs, wanted, found)
    return [t for (t,) in found]


def _jacobian(outputs: Sequence[Value], wanted: Sequence[Value]) -> list[list[Value]]:
    """Return a row for each output: by reverse mode, or by forward mode where the inputs are fewer."""
    nodes, n = current_graph(*outputs), len(wanted)
    if n < len(outputs):
        tangents = pushed(nodes, [(x, k, 1.0) for k, x in enumerate(wanted)], dict.fromkeys(outputs, n))
        found = _in_rows(_as_values, _rows(tangents, outputs, n))
    else:
        found = _in_rows(_as_values, [pulled_back(graph_of(y), {y: 1.0}, wanted) for y in outputs])
    _announce_rows(outputs, wanted, found)
    return found


def _hessian(output: Value, wanted: Sequence[Value]) -> list[list[Value]]:
    """Return the rows of the matrix: forward mode along the gradient, up to the diagonal, which it is symmetric about.

    It is not where one input was made from another. Then it is whole, what `grad` gives of each gradient.
    """
    gradient, places = _as_values(pulled_back(current_graph(output), {output: 1.0}, wanted)), range(len(wanted))
    whole = any(x.op is not None and not set(graph_of(x)[:-1]).isdisjoint(wanted) for x in wanted)
    last = {g: len(wanted) if whole else i for i, g in enumerate(gradient)}
    rows = _rows(pushed(graph_of(*last), [(x, k, 1.0) for k, x in enumerate(wanted)], last), gradient, len(wanted))
    found = _in_rows(_as_values, [[rows[i][k] if whole or k < i else rows[k][i] for k in places] for i in places])
    announce(differentiated, output, wanted, [x for row in found for x in row])
    return found


def _rows(tangents: Tangents, outputs: Sequence[Value], n: int) -> list[list[Any]]:
    """Return the tangents of each output in the first n directions; 0.0 where there is none."""
    return [[tangents.get(y, {}).get(k, 0.0) for k in range(n)] for y in outputs]


def _announce_rows(outputs: Sequence[Value], wanted: Sequence[Value], rows: Sequence[Sequence[Value]]) -> None:
    """Announce the derivatives of each output that depends on an input; of all, if none does."""
    known = [*zip(outputs, rows)]
    for y, row in [(y, row) for y, row in known if any(x.op or x.data for x in row)] or known:
        announce(differentiated, y, wanted, row)


def _in_rows(f: Callable[[list[Any]], Iterable[Any]], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return the rows of a matrix after calling a function of the list of all its numbers."""
    left = iter(f([x for row in rows for x in row]))
    return [[next(left) for _ in row] for row in rows]


# Calls of users' functions -------------------------------------------------------------------------------------------


class _Call:
    """A call of a user's function, with fresh nodes in place of the numbers to differentiate by.

    Arguments:
        name: the public function that calls it, for messages.
        f: the function.
        args: its arguments by position.
        named: those by name.
        argnums: the place to differentiate by, or a tuple of places.
        has_aux: it returns a pair.
    """

    def __init__(self, name: str, f: Any, args: Any, named: Any, *, argnums: Any, has_aux: bool) -> None:
        places = argnums if isinstance(argnums, tuple) else (argnums,)
        self.name = name
        self.start = next_order()  # what is older comes from outside
        self.from_outside = any(type(x) is Value for x in [*args, *named.values()])
        fresh = list(args)
        for k in places:
            if not -len(args) <= k < len(args):
                raise ValueError(hints.no_such_place(name, k, len(args), named))
            numbers = nest_numbers(args[k])
            self.from_outside |= any(type(x) is Value for x in numbers)
            # Times 1, because x + 0 is another number where x is -0.
            fresh[k] = nest_filled(args[k], [x * 1.0 if type(x) is Value else Value(x) for x in numbers])
        self.inputs = tuple(args[k] for k in places) if isinstance(argnums, tuple) else args[argnums]
        self.wanted: list[Value] = nest_numbers([fresh[k] for k in places])
        returned = f(*fresh, **named)
        self.has_aux = has_aux
        pair: Any = returned if has_aux else (returned, None)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(hints.no_pair(pair))
        self.output, self._aux = pair
        self.outputs = nest_numbers(self.output)
        for x in self.outputs:
            if not isinstance(x, (Value, Real)) or isinstance(x, bool):
                raise TypeError(hints.no_result(name, x))
        # A number, or a Value that is older, depends on none of the fresh ones: a leaf takes its place.
        self.roots = [x if type(x) is Value and created(x) > self.start else Value(0.0) for x in self.outputs]

    def root(self) -> Value:
        """Return the one Value that the function has returned, for derivatives of one."""
        if array_shape(self.output) or isinstance(self.output, (list, tuple, dict)):
            raise TypeError(hints.no_single_result(self.name, nest_shape(self.output)))
        return self.roots[0]

    def settled(self, numbers: Sequence[Any], given: Iterable[Any] = ()) -> list[Any]:
        """Return each result as a float, or as a Value if an argument has Values, or it depends on one from outside.

        Arguments:
            numbers: the results, Values and floats.
            given: numbers passed in beside the arguments; Values among them come from outside.
        """
        if self.from_outside:
            return _as_values([x if type(x) is Value else number(x) for x in numbers])
        outside = {x for x in given if type(x) is Value}
        nodes = graph_of(*[x for x in numbers if type(x) is Value])
        for v in nodes if outside or (nodes and created(nodes[0]) < self.start) else ():
            if created(v) < self.start or any(type(x) is Value and x in outside for x in v.args):
                outside.add(v)
        return [number(x) if type(x) is not Value else x if x in outside else x.data for x in numbers]

    def blocks(self, outer: Any, rows: Sequence[Sequence[Value]]) -> Any:
        """Return the blocks of a matrix of derivatives by the inputs."""
        return nest_of_blocks(outer, self.inputs, _in_rows(self.settled, rows))

    def with_aux(self, result: Any) -> Any:
        """Return a result, in a pair with what the function has returned beside its own, if it does."""
        return (result, self.aux()) if self.has_aux else result

    def aux(self) -> Any:
        """Return the second of the pair that the function has returned, its Values as results are."""

        def come_out(x: Any) -> Any:
            if getattr(x, "dtype", None) == "object" and any(type(v) is Value for v in x.ravel()):
                return array_of([come_out(v) for v in x.ravel()], x.shape)
            return self.settled([x])[0] if type(x) is Value else x

        return nest_map(come_out, self._aux)


def _function(
    name: str, f: Any, argnums: Sequence[Any], derivative: Callable[[_Call], Any], others: Any, *, has_aux: bool
) -> Callable[..., Any]:
    """Return the function that calls `f` on fresh nodes, and returns its derivative."""
    if others:
        hints.refuse_named(name, "grad", others)
    given = [x for x in argnums if x is not ...] or [0]
    if len(given) > 1:
        raise TypeError(hints.argnums_twice(name, given))
    places = tuple(given[0]) if isinstance(given[0], (tuple, list)) else given[0]
    for k in places if isinstance(places, tuple) else (places,):
        if not isinstance(k, Integral) or isinstance(k, bool):
            raise TypeError(hints.no_argnums(name, f, given[0]))

    @wraps(f, updated=())
    def called(*args: Any, **named: Any) -> Any:
        return derivative(_Call(name, f, args, named, argnums=places, has_aux=has_aux))

    return called


def _call_of_all(name: str, f: Any, primals: Any, tangents: Any = (), has_aux: bool = False) -> _Call:
    """Call a function on fresh nodes in place of all its arguments."""
    for given in (primals, tangents):
        if not isinstance(given, (tuple, list)):
            raise TypeError(hints.no_tuple(name, given))
    return _Call(name, f, primals, {}, argnums=tuple(range(len(primals))), has_aux=has_aux)


def _given(name: str, others: Iterable[str], *arguments: Sequence[Any]) -> list[Any]:
    """Return arguments, each by one of its names: that of the form for Values, or that of the form for functions."""
    if others:
        hints.refuse_named(name, "grad", others)
    given = [[x for x in names if x is not ...] for names in arguments]
    if any(len(x) != 1 for x in given):
        raise TypeError(hints.no_three_arguments(name))
    return [x for (x,) in given]


def _check_graph_form(name: str, inputs: Any, others: Iterable[str], options: bool) -> None:
    if others:
        hints.refuse_named(name, "grad", others)
    if options or inputs is ...:
        raise TypeError(hints.no_graph_form(name, options))


def _matching(numbers: Any, like: Any, what: str, whose: str) -> list[Any]:
    """Return the numbers of a tree, Values and floats.

    Raises:
        TypeError: one is not a number.
        ValueError: the nesting is not that of `like`.
    """
    try:
        matched = numbers_matched(numbers, like)
    except ValueError as problem:
        raise ValueError(f"{what} have the nesting of {whose}: {problem}") from None
    return [x if type(x) is Value else number(x) for x in matched]


# Functions of lists ---------------------------------------------------------------------------------------------------


def mean(values: Iterable[Any], **others: Never) -> Any:
    """Return the mean: the sum, added left to right, divided by the number of values. Infinite where the sum is.

    Raises:
        ValueError: there are no values.

    >>> mean([1.0, 2.0, 6.0]), mean([Value(1.0), 2.0])
    (3.0, Value(data=1.5, grad=0.0))
    """
    if others:
        hints.refuse_named("mean", "mean", others)
    terms = _values_and_floats(values)
    return terms[0] if len(terms) == 1 else ops.sum(terms) / len(terms)


def logsumexp(values: Iterable[Any], **others: Never) -> Any:
    """Return the logarithm of the sum of the exponentials, m + log(Σ exp(x - m)) for the largest m of the values x.

    It is infinite only if a value is inf, or all are -inf. The gradient is the softmax, and nan by values of inf, or if
    all are -inf.

    Raises:
        ValueError: there are no values.

    >>> logsumexp([1000.0, 1000.0]), logsumexp([float("-inf"), 3.0])
    (1000.6931471805599, 3.0)
    """
    if others:
        hints.refuse_named("logsumexp", "logsumexp", others)
    values = _values_and_floats(values)
    # The difference of infinities would be nan. Limits in place of an infinite m leave every difference infinite.
    shift = ops.stop_gradient(ops.max(ops.min(ops.largest(values), _LARGEST_FLOAT), -_LARGEST_FLOAT))
    return log_of_total([x - shift for x in values]) + shift


def softmax(logits: Iterable[Any], **others: Never) -> list[Any]:
    """Return a list with the probability of each class, exp(x - m) / Σ exp(x - m) for the largest m of the logits x.

    A class with a logit of -inf is masked: its probability is 0, and its logit gets a gradient of 0. All are nan if a
    logit is inf or nan, or if all logits are -inf.

    Raises:
        ValueError: there are no logits.

    >>> softmax([0.0, 0.0]), softmax([1e308, -1e308]), softmax([float("-inf"), 2.0])
    ([0.5, 0.5], [1.0, 0.0], [0.0, 1.0])
    >>> [round(p.data, 4) for p in softmax([Value(1.0), Value(2.0), 0.5])]
    [0.2312, 0.6285, 0.1402]
    """
    if others:
        hints.refuse_named("softmax", "softmax", others)
    powers = [ops.exp(z) for z in shifted_logits(logits)]
    total = ops.sum(powers)
    return [power / total for power in powers]


def log_softmax(logits: Iterable[Any], **others: Never) -> list[Any]:
    """Return a list with the logarithm of each class's probability, (x - m) - log(Σ exp(x - m)) for the largest m.

    It keeps its digits where the softmax is near 0, and where the logits are large. Where the softmax is near 1, this
    is near 0, with an error of a few roundings of the total: 1e-16 each. That of a masked class, with a logit of -inf,
    is -inf. All are nan if a logit is inf or nan, or if all logits are -inf.

    Raises:
        ValueError: there are no logits.

    >>> log_softmax([0.0, -1000.0]), log_softmax([1e10, 1e10])
    ([0.0, -1000.0], [-0.6931471805599453, -0.6931471805599453])
    """
    if others:
        hints.refuse_named("log_softmax", "log_softmax", others)
    shifted = shifted_logits(logits)
    log_total = log_of_total(shifted)
    return [z - log_total for z in shifted]


def shifted_logits(logits: Iterable[Any]) -> list[Any]:
    """Return the logits minus the largest of them.

    Raises:
        ValueError: there are no logits.

    >>> shifted_logits([5.0, 4.5, float("-inf")])
    [0.0, -0.5, -inf]
    """
    values = _values_and_floats(logits)
    largest = ops.stop_gradient(ops.largest(values))
    return [x - largest for x in values]


def log_of_total(shifted: list[Any]) -> Any:
    """Return the logarithm of the sum of the exponentials, none of which may overflow.

    A shifted logit minus that is the logarithm of the class's probability.

    >>> log_of_total(shifted_logits([1000.0, 1000.0]))
    0.6931471805599453
    """
    return ops.log(ops.sum([ops.exp(z) for z in shifted]))


def _values_and_floats(values: Iterable[Any]) -> list[Any]:
    return [x if type(x) is Value else number(x) for x in nonempty(values)]
