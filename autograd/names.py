"""Name the nodes of a graph, for views and messages.

The name of a node is the first of these: the name given in the call of the view; its label; the name of the variable
that it is bound to where the view was called; v1, v2, ... by its place in the order of creation. Parameters of two
networks that have the same labels are named after the variables of their networks. No two nodes of one graph have the
same name: where two would, the later one is called x#2.

The name of a variable is always right, because it is looked up at the moment of the call. Nothing is recorded while the
graph is built, and a variable that has since been bound to another Value names only that one.

A parameter is the last to name a Value: in `def show(f): draw(f)`, the `f` of `show(loss)` is `loss` to its reader. So
what only a parameter is bound to is looked for among the variables of the callers, up to the session, notebook or file.
So is what only the variable of a comprehension is bound to, as in `[draw(v) for v in (loss,)]`.
"""

import dis
import inspect
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, count, islice
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from autograd.engine import Value
from autograd.frames import caller, is_installed
from autograd.marks import Marked

# Frames of their own, all but the last one up to Python 3.11. From 3.12 on the others run in the frame around them, and
# this instruction sets their variables' names aside, up to the end of the loop.
_COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
_INLINED = _COMPREHENSIONS - {"<genexpr>"}
_SET_ASIDE = dis.opmap.get("LOAD_FAST_AND_CLEAR")
_DEEPEST_LIST, _LONGEST_LIST = 3, 1_000  # how deep, and how far, lists are searched

Names = Mapping[str, Any] | Mapping[Value, str]
"""A mapping from names to Values, as `locals()` is, or from Values to names."""


def names_of(nodes: Sequence[Value], names: Names | None = None, *, repeat_labels: bool = False) -> dict[Value, str]:
    """Return the name of each node, no two alike.

    Arguments:
        nodes: the graph in the order of creation, as `graph_of(output)` returns it.
        names: names to use before all others, labels included: a mapping from names to Values, such as `locals()`, or
            from Values to names. By default (None) nodes without a label take the names of variables in the function,
            notebook or session that called the package: its local variables in the order of their definition, then
            global ones, then elements of lists as `xs[0]`; parameters last, after the variables of its callers. Names
            that begin with an underscore are left out. An empty mapping switches this off.
        repeat_labels: whether nodes to which the user gave the same name keep it, for views in which something else
            tells them apart.

    Raises:
        TypeError: `names` is not such a mapping.

    >>> x = Value(2.0)
    >>> loss = x * Value(3.0, "weight") + 1
    >>> [(name, v.data) for v, name in names_of([*loss.args[0].args, loss.args[0], loss]).items()]
    [('x', 2.0), ('weight', 3.0), ('v3', 6.0), ('loss', 7.0)]
    """
    wanted = set(nodes)
    asked = {} if names is None else _asked(names, wanted)
    found = names_of_variables(wanted) if names is None else {}
    in_models = names_in_models(nodes) if names is None else {}
    given = {
        v: asked.get(v) or in_models.get(v) or v.label or found.get(v) or f"v{i}" for i, v in enumerate(nodes, start=1)
    }
    chosen = {v for v in nodes if v in asked or v.label}  # names given by the user come before variables and numbers
    return _unique(given, chosen, repeat_labels)


def names_of_variables(nodes: Container[Value]) -> dict[Value, str]:
    """Return the names of the caller's variables that are bound to one of these nodes, and of elements of lists.

    >>> x, ws = Value(1.0), [Value(2.0), Value(3.0)]
    >>> list(names_of_variables({x, ws[1]}).values())
    ['x', 'ws[1]']
    >>> def list_names(f, given):
    ...     y = f * given
    ...     return list(names_of_variables({f, given, y}).values())
    >>> list_names(x, Value(2.0))  # nothing but a parameter is bound to the second
    ['y', 'x', 'given']
    """
    names: dict[Value, str] = {}
    parameters: dict[Value, str] = {}
    for variables, passed in _variables():
        names = _bound(variables, nodes) | names
        parameters = _bound(passed, nodes) | parameters
        if parameters.keys() <= names.keys():
            break
    return names | {v: name for v, name in parameters.items() if v not in names}


def names_in_models(nodes: Sequence[Value]) -> dict[Value, str]:
    """Return other names for labelled leaves where some of them have the same label: those of two networks.

    They begin with the variable that the network is bound to where the package was called, or the place in a list, a
    dictionary or an object that a variable is bound to. A list goes before the variables of some of its networks, as
    that of a loop over it. Leaves in networks of their own, and those that no such variable holds, are left out.

    >>> from autograd import nn
    >>> encoder, decoders = nn.Neuron(1), [nn.Neuron(1)]
    >>> list(names_in_models([*encoder.parameters(), *decoders[0].parameters()]).values())
    ['encoder.weight', 'encoder.bias', 'decoders[0].weight', 'decoders[0].bias']
    """
    labelled = [v for v in nodes if v.op is None and v.label]
    times = Counter(v.label for v in labelled)
    clashing = {v for v in labelled if times[v.label] > 1}
    names: dict[Value, str] = {}
    if clashing:
        known, scopes = set(labelled), list(_variables())
        own, passed = (chain.from_iterable(each) for each in zip(*scopes, strict=True)) if scopes else ((), ())
        for parameters, name in chain(_models(own, clashing), _models(passed, clashing)):  # parameters are the last
            for p in parameters:
                if p in known:
                    names.setdefault(p, f"{name}.{p.label}")
    return names


def _models(scopes: Iterable[Mapping[str, Any]], clashing: set[Value]) -> Iterator[tuple[Sequence[Value], str]]:
    """Yield the parameters of each Module that has some of these, with its name; the best names come first."""
    variables = [(value, name) for scope in scopes for name, value in scope.items()]
    found: dict[int, Sequence[Value]] = {}

    def models(places: Iterable[tuple[Any, str]]) -> list[tuple[int, str]]:
        there = [(x, name) for x, name in places if isinstance(x, Marked)]
        for model, _ in there:
            if id(model) not in found:
                found[id(model)] = ()
                with suppress(Exception):  # a method of the user's; and without it there are other names
                    found[id(model)] = model.all_parameters()  # type: ignore[attr-defined]  # every Marked is a Module
        return [(id(x), name) for x, name in there if not clashing.isdisjoint(found[id(x)])]

    alone = models(variables)
    with_variables = {model for model, _ in alone}
    groups = [models(_places_in(value, name)) for value, name in variables]
    complete = [group for group in groups if not with_variables.issuperset(model for model, _ in group)]
    several = [group for group in complete if len(group) > 1]
    for model, name in chain(*several, alone, *groups):
        yield found[model], name


def _places_in(value: Any, name: str) -> Iterator[tuple[Any, str]]:
    """Yield the elements of a list, the entries of a dictionary or the attributes of an object, with their names."""
    held: list[tuple[Any, str]] = []
    if isinstance(value, (list, tuple)):
        held = [(value, name)]
    elif isinstance(value, dict):
        held = [(x, f"{name}[{key!r}]") for key, x in islice(value.items(), _LONGEST_LIST) if type(key) in (str, int)]
    elif not isinstance(value, (Marked, Value, ModuleType, FunctionType, type)):
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            held = [(x, f"{name}.{key}") for key, x in attributes.items() if not key.startswith("_")]
    for x, place in held:
        if isinstance(x, (list, tuple)):
            yield from _elements(place, x, _DEEPEST_LIST)
        else:
            yield x, place


def _unique(given: Mapping[Value, str], chosen: set[Value], repeat_labels: bool) -> dict[Value, str]:
    reserved, taken = set(given.values()), set[str]()
    counters: dict[str, Iterator[int]] = {}
    unique = dict(given)
    for v in chain((v for v in given if v in chosen), (v for v in given if v not in chosen)):
        name = given[v]
        if name in taken and not (repeat_labels and v in chosen):
            numbers = counters.setdefault(name, count(2))
            name = next(other for other in (f"{given[v]}#{n}" for n in numbers) if other not in reserved)
        taken.add(name)
        unique[v] = name
    return unique


def _asked(names: Names, wanted: set[Value]) -> dict[Value, str]:
    """Return the names that the user's own mapping gives, those that begin with an underscore last."""
    if not isinstance(names, Mapping):
        raise TypeError(f"names is a mapping from names to Values, such as locals(), got {type(names).__name__}")
    asked, variables = dict[Value, str](), dict[str, Any]()
    for key, value in names.items():
        if type(key) is Value and isinstance(value, str):
            if value:
                asked[key] = value
        elif isinstance(key, str):  # bound to anything: locals() holds more than Values
            variables[key] = value
        else:
            raise TypeError(
                f"names maps names to Values, as in {{'loss': v}}, or Values to names; "
                f"it has {type(key).__name__} to {type(value).__name__}"
            )
    return _bound([dict(sorted(variables.items(), key=lambda item: item[0].startswith("_")))], wanted) | asked


def _bound(scopes: Iterable[Mapping[str, Any]], wanted: Container[Value]) -> dict[Value, str]:
    """Return the first name of each wanted node."""
    names: dict[Value, str] = {}
    for value, name in _named(scopes):
        if name and type(value) is Value and value in wanted:
            names.setdefault(value, name)
    return names


def _named(scopes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, str]]:
    """Yield what variables are bound to, then the elements of lists, with their names."""
    variables = [(value, name) for scope in scopes for name, value in scope.items()]
    lists = [(value, name) for value, name in variables if isinstance(value, (list, tuple))]
    yield from variables
    for value, name in lists:
        yield from _elements(name, value, _DEEPEST_LIST)


def _elements(name: str, values: Sequence[Any], depth: int) -> Iterator[tuple[Any, str]]:
    for i, value in enumerate(values[:_LONGEST_LIST]):
        if not isinstance(value, (list, tuple)):
            yield value, f"{name}[{i}]"
        elif depth > 1:
            yield from _elements(f"{name}[{i}]", value, depth - 1)


def _variables() -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield the variables in the scopes around the call, the nearest first, and apart from them the parameters.

    The variables of comprehensions are the last of these.

    The first are those of the nearest caller outside the package, local ones, then global ones. They are followed by
    those of each function that has called it, up to the line of a session, the cell of a notebook or the file. What
    runs these functions, such as a library of tests, names nothing. A name means what it does in the nearest scope.
    """
    known: dict[str, Any] = {}
    scopes, passed, looped = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    module: dict[str, Any] | None = None
    nearest = frame = caller()
    while frame is not None:
        if frame is nearest or not is_installed(frame.f_code.co_filename):
            variables, parameters, of_loops = _locals(frame), _parameters(frame), _of_comprehensions(frame)
            if frame.f_code.co_name in _INLINED:  # the others come with the frame around it, in their order
                variables = {x: value for x, value in variables.items() if x in of_loops}
            others = variables.keys() - parameters - of_loops
            for kept, chosen in ((scopes, others), (passed, parameters - of_loops), (looped, of_loops)):
                kept.append(_new({x: value for x, value in variables.items() if x in chosen}, known))
            known = variables | known
            if frame.f_code.co_name not in _COMPREHENSIONS:
                if frame.f_globals is not module:
                    module = frame.f_globals
                    scopes.append(_new(module, known))
                    known = module | known
                yield scopes, passed + looped
                scopes, passed, looped = [], [], []
        frame = None if frame.f_code.co_name == "<module>" else frame.f_back


def _new(scope: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that no nearer scope has, without a session's _12 or a tool's (pytest's @py_assert1)."""
    return {x: value for x, value in scope.items() if x.isidentifier() and not x.startswith("_") and x not in known}


def _parameters(frame: FrameType) -> set[str]:
    """Return the names of a frame's parameters, and of those of the functions around its own that it uses."""
    code, around = frame.f_code, set[str]()
    for name in code.co_freevars:
        owner = frame.f_back
        while owner is not None and not (name in owner.f_code.co_cellvars and _is_inside(code, owner.f_code)):
            owner = owner.f_back
        # Where the function around it has returned, nothing says whether it was a parameter; often it was.
        if owner is None or name in _parameters_of(owner.f_code) or name in _of_comprehensions(owner):
            around.add(name)
    return _parameters_of(code) | around


def _parameters_of(code: CodeType) -> set[str]:
    variable = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + variable])


def _of_comprehensions(frame: FrameType) -> set[str]:
    """Return the names of the variables of the comprehensions that a frame is in."""
    code = frame.f_code
    if code.co_name in _COMPREHENSIONS:
        return {*code.co_varnames, *code.co_cellvars}
    if _SET_ASIDE is None or _SET_ASIDE not in code.co_code[::2]:
        return set()  # at once: to read the instructions of a long file takes a while
    names, starts, found = list[str](), list[int](), set[str]()
    for step in dis.get_instructions(code):
        if step.opcode == _SET_ASIDE:
            names.append(step.argval)
            starts.append(step.offset)
        elif step.opname == "FOR_ITER" and names:  # of the outermost loop, whose end is its argument
            if starts[0] < frame.f_lasti < step.argval:
                found.update(names)
            names, starts = [], []
    return found


def _is_inside(inner: CodeType, outer: CodeType) -> bool:
    """Return True for the code of a function that is defined within another one."""
    parts = [x for x in outer.co_consts if isinstance(x, CodeType)]
    return inner in parts or any(_is_inside(inner, part) for part in parts)


def _locals(frame: FrameType) -> dict[str, Any]:
    variables = frame.f_locals
    copy = dict(variables)
    is_function = frame.f_code.co_flags & inspect.CO_OPTIMIZED
    # Up to Python 3.12 the frame of a function keeps this dictionary, which would keep a graph alive after its last
    # name is gone. Three references are the frame's and ours; with more, the user holds it too (from locals()).
    if sys.version_info < (3, 13) and is_function and sys.getrefcount(variables) <= 3:
        variables.clear()
    return copy
