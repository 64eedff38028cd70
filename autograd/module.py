"""Collect the parameters of a model, with names that say where they are, and save and load them.

The parameters of a `Module` are the leaves that it holds, each where it is met first:

    attributes             of Modules, in order of definition; dataclasses and attrs classes, the fields first
    elements               of lists, tuples, deques and other sequences; of arrays of objects, of any shape
    entries                of dictionaries and other mappings, in their order

All this has an order that is the same on every run. Sets, iterators, functions and objects of other classes have none,
or do not show what they hold, so leaves in them are never trained in silence: they raise an error. To find these, the
walk asks the garbage collector what such an object refers to. That runs no code of the user's, it sees through
closures, slots and the views of dictionaries, and it costs microseconds. Of what an attribute itself merely leads to,
the walk knows the attributes of classes, the Values behind weak references and the values of context variables; on the
way to other objects these would lead to the rest of the program.
"""

import contextlib
import dataclasses
import gc
import inspect
import math
import os
import sys
import weakref
from abc import ABCMeta
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, MappingView, Sequence
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from functools import partial
from itertools import count, islice
from types import BuiltinMethodType, FrameType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

from autograd.engine import Value, commit_data, graph_of
from autograd.files import document_from_text, numbers_to_text, path_text, read_at_most, write_whole
from autograd.hints import ModelHints
from autograd.modes import training_here
from autograd.ops import Op
from autograd.samples.prediction import predict
from autograd.samples.recording import is_input
from autograd.text import escaped, printable, quoted, visible

_ANY_FILE, _UNNAMED_ENTRY = 64 * 2**20, 60  # bytes: a file that is always read; an entry without its name, at most
_LARGEST_NETWORK = 256 * 2**20  # bytes of a file from which a network is made: four million parameters
_MAKE_IT = "make the network as it was made before, and call model.load(path)"


if TYPE_CHECKING:  # to a type checker a slot, even this one, is in the way of further bases
    _WeaklyReferable = object
else:

    class _WeaklyReferable:
        """A base with weak references, even for Modules with slots: `predict` keeps by them what it compiled."""

        __slots__ = ("__weakref__",)


class _Marks(NamedTuple):
    """What is remembered of a Module beside its attributes. It is replaced, never changed: copies share it."""

    training: bool = True


_UNMARKED = _Marks()


class _ModuleClass(ABCMeta):  # so that a Module may be an abstract class, too
    """The class of Modules' classes: it gives their instances a place for marks, and lets `forward` be called."""

    def __new__(
        mcs: type["_ModuleClass"], name: str, bases: tuple[type, ...], namespace: dict[str, Any], **arguments: Any
    ) -> "_ModuleClass":
        slots = namespace.get("__slots__")
        if slots and not any(map(_has_a_place, bases)):
            slots = [slots] if isinstance(slots, str) else slots
            namespace["__slots__"] = {**slots, "_marks": None} if isinstance(slots, dict) else (*slots, "_marks")
        if "forward" in namespace and "__call__" not in namespace:  # it goes before the __call__ of a base
            namespace["__call__"] = _call_forward
        return super().__new__(mcs, name, bases, namespace, **arguments)


def _has_a_place(base: type) -> bool:
    """Return True if instances have a dictionary, or a slot for marks."""
    return bool(base.__dictoffset__) or isinstance(getattr(base, "_marks", None), MemberDescriptorType)


def _call_forward(module: Any, *inputs: Any, **named: Any) -> Any:
    return module.forward(*inputs, **named)


def _marks_of(module: "Module") -> _Marks:
    try:
        return cast(_Marks, object.__getattribute__(module, "_marks"))  # no __getattr__ of the user's answers
    except AttributeError:  # of a class with slots
        return _UNMARKED


def _mark(module: "Module", **changed: Any) -> None:
    marks = _marks_of(module)._replace(**changed)
    if marks == _marks_of(module):
        return
    try:
        object.__setattr__(module, "_marks", marks)  # past what a frozen dataclass refuses
    except AttributeError:
        name = type(module).__name__
        raise TypeError(f"{name} has no room to remember {' and '.join(changed)}: delete its __slots__ = ()") from None


class Module(ModelHints, _WeaklyReferable, metaclass=_ModuleClass):
    """The base of everything that has parameters, the numbers that training changes.

    Subclass it, and assign Values and Modules to attributes, directly or in lists, arrays, dictionaries or dataclasses.
    All leaves among them are parameters. Results of operations are not: they may be kept, but not in place of the
    leaves that they were computed from.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offsets = Value(2.0), [Value(0.5), Value(1.0)]
    ...         self.scales = {"left": Value(3.0)}
    ...     def __call__(self, x):
    ...         return [self.slope * x + offset for offset in self.offsets]
    >>> line = Line()
    >>> [name for name, _ in line.named_parameters()]
    ['slope', 'offsets1', 'offsets2', 'scales.left']
    >>> line
    Line with 4 parameters: 1 in slope, 2 in offsets, 1 in scales

    What has no order to rely on, or does not show what it holds, raises an error:

    >>> line.more = {Value(4.0)}
    >>> line.parameters()
    Traceback (most recent call last):
        ...
    TypeError: Line.more is a set, whose order differs from run to run, so Value(data=4.0, grad=0.0) in it would not \
be trained. Put its Values and Modules in a list, or override parameters() to return what is trained
    """

    __slots__ = ()  # the one that is needed is in the base

    classes: Any = ()
    """The names of the classes that the model tells apart, in the order of its scores; empty where it was not trained
    with text as targets. `fit` sets it, and the model's file keeps it. An attribute of your own may have this name."""

    _part_names: ClassVar[dict[str, str]] = {}  # what the parts of an attribute are called, where not as the attribute
    _constants: ClassVar[tuple[str, ...]] = ()  # attributes that list Values which are saved, but not trained

    _marks = _UNMARKED  # of instances that have no others

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Compute the outputs, by `forward` where the class defines one in place of `__call__`.

        >>> class Double(Module):
        ...     def forward(self, x):
        ...         return 2 * x
        >>> Double()(3.0)
        6.0
        """
        forward = getattr(self, "forward", None)
        if not callable(forward):
            name = type(self).__name__
            raise TypeError(f"{name} cannot be called: define {name}.__call__(self, x), which returns the outputs of x")
        return forward(*inputs, **named)

    @property
    def training(self) -> bool:
        """True while the model is trained, so that a layer may compute something else then, such as dropout.

        In `fit` it is True, but for the validation data; in `predict` it is False. In other calls it is what `train()`
        or `eval()` has set, at first True. To set it changes this Module alone, not those inside.
        """
        mode = training_here()
        return _marks_of(self).training if mode is None else mode

    @training.setter
    def training(self, mode: bool) -> None:
        _mark(self, training=bool(mode))

    def train(self, mode: bool = True) -> Self:
        """Set `training` of this Module and all Modules inside, for calls outside of `fit` and `predict`; return it.

        >>> from autograd import nn
        >>> model = nn.Sequential(nn.Layer(2, 3), nn.Layer(3, 1))
        >>> model.eval().modules[1].training, model.train().modules[1].training
        (False, True)
        """
        for module in _Walk(self, whole=True).modules:
            _mark(module, training=bool(mode))
        return self

    def eval(self) -> Self:
        """Do `train(False)`."""
        return self.train(False)

    def parameters(self) -> list[Value]:
        """Return the parameters in order of definition, each once, even if several attributes share it.

        A Module inside this one that overrides `parameters()` has those parameters.

        Raises:
            TypeError: a Value or a Module is where no parameters can be collected; or a result, such as
                `self.w = Value(2.0) / 10`, depends on no parameter, but on a leaf that nothing else holds.
        """
        return [p for _, p in self._collected()]

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield each parameter with its name, the path of attributes to it: `layer1.neuron3.weight2`.

        Elements are numbered from 1; keys have their text. Parameters whose names would be the same are named as in
        Python, `table['1']` and `table[1]`. If a subclass overrides `parameters()`, those parameters are named.

        Raises:
            TypeError: as `parameters`.
        """
        if not _is_overridden(type(self)):
            yield from _named(self._collected())
        else:
            names = {p: name for name, p in _named(_Walk(self).leaves)}
            for i, p in enumerate(self.parameters(), 1):
                yield names.get(p, f"parameter{i}"), p

    def predict(self, xs: Any, backend: str = "auto") -> Any:
        """Return the outputs for many samples, computed together.

        The first call records the model at one sample and compiles the graph, as `fit` does; later calls use what was
        compiled, with the numbers that the parameters have by then, and compile again only if the model has changed.
        So a choice belongs in the graph, as `autograd.where`. A model that compares Values (`if`, `max`, `sorted`), or
        that returns plain numbers, is called for each sample instead. One that reads `.data`, or draws at random, is
        refused, if one of the samples that are recorded to compare them shows it.

        Arguments:
            xs: a list, array or table with an entry for each sample, as for `fit`: a number or a row of numbers.
            backend: "auto" for NumPy, and plain Python without it; "numpy", "python"; "c", several times as fast, which
                pays for its compilation from a hundred thousand samples on; "eager" to call the model for each sample.
                The numbers are the same to the bit (in "c" but for `hypot`).

        Returns an array where `xs` is one (or a table, such as a DataFrame), else lists. A model that returns a number
        gives one for each of the n samples, shape (n,); one that returns a list of m numbers gives (n, m). Tuples,
        dictionaries and uneven lists keep their nesting, with such an array or list for each part.

        Raises:
            TypeError: `xs` is not a list of samples, or a number in it not real; or the model returns neither Values
                nor numbers.
            ValueError: there are no samples, they differ in shape, or the model does not take them.
            RecordingError: one graph cannot stand for all samples.
            CompilerError: the backend is "c", and there is no C compiler.

        >>> class Line(Module):
        ...     def __init__(self):
        ...         self.slope, self.offset = Value(2.0), Value(0.5)
        ...     def __call__(self, x):
        ...         return self.slope * x + self.offset
        >>> line = Line()
        >>> line.predict([1, 2, 3])
        [2.5, 4.5, 6.5]
        >>> line.slope.data = -1.0
        >>> line.predict([1, 2, 3])
        [-0.5, -1.5, -2.5]
        """
        return predict(self, xs, backend)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to a JSON file, by name; the architecture and the names of classes where there are any.

        `load` reads the parameters back to the bit, inf and nan included, and `nn.load` makes the network anew. An
        existing file is replaced only when the new one is complete: if writing fails, the old file stays. A device or a
        pipe is written to directly.

        Raises:
            OSError: the file cannot be written, or is read-only.
            ValueError: two parameters have the same name, or a name has a lone surrogate.
        """
        named, classes = self._by_name(), class_names(self)
        numbers = {name: p.data for name, p in named.items()}
        architecture = _encoded(self, set())
        labels = None if architecture is None else _labels(named)
        try:
            others = {"architecture": architecture, "labels": labels, "classes": classes or None}
            content = numbers_to_text(numbers, **others).encode()
        except UnicodeEncodeError:
            name = next(name for name in (*classes, *numbers) if name.encode(errors="ignore").decode() != name)
            raise ValueError(f"no file can hold the lone surrogate in the name '{visible(name)}': rename it") from None
        write_whole(path, content)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read the parameters from a file that `save` wrote, and the names of the classes; gradients do not change.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or from a network of another shape. No parameter has changed then.
        """
        ours = self._by_name()
        try:
            most = _ANY_FILE + sum(_UNNAMED_ENTRY + 12 * len(name) for name in ours)
            size, content = read_at_most(path, most)
            if size > most:  # parsed, it would take several times as much memory
                raise ValueError(f"it has at least {size:,} bytes, far more than {counted(len(ours))} need")
            document = document_from_text(content)
            numbers = document["parameters"]
            if numbers.keys() != ours.keys():
                raise ValueError(_difference(list(ours), list(numbers)))
            classes = _classes_in(document)
        except ValueError as problem:
            raise ValueError(f"cannot load {path_text(path)}: {problem}; nothing was changed") from None
        commit_data(ours.values(), map(numbers.__getitem__, ours))
        name_classes(self, classes)

    def architecture(self) -> dict[str, Any] | None:
        """Return the arguments with which the class makes a Module like this one, but for its parameters' numbers.

        `save` writes them, for `nn.load`. They are numbers, text, Modules, and lists of these; None stands for a Module
        that no such arguments make. Those of your own classes that return some are passed to `nn.load` as `classes`.
        """
        return None

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make a Module from what `architecture` returned.

        Arguments:
            arguments: they, as they were read from a file: what they are is not checked.
            most: the number of parameters that the file has left. A class whose arguments are sizes refuses larger ones
                before it makes anything.

        Raises:
            TypeError, ValueError: the arguments do not fit.
        """
        return cls(**arguments)

    def _by_name(self) -> dict[str, Value]:
        """Return the Values of a file by name: the parameters, and the constants of Modules that have some."""
        named = [*self.named_parameters(), *_named(_Walk(self).constants)]
        by_name = dict(named)
        if len(by_name) != len(named):
            twice = next(name for name, p in named if by_name[name] is not p)
            raise ValueError(f"two parameters have the name '{visible(twice)}': rename one of the attributes in it")
        return by_name

    def _collected(self) -> list["_Entry"]:
        walk = _Walk(self)
        if not _is_overridden(type(self)):  # a subclass that returns its own parameters may keep them anywhere
            walk.check()
        return walk.leaves

    def __repr__(self) -> str:
        sizes = {name: len(_Walk(part).leaves) for name, part in _attributes(self, _declared(type(self))).items()}
        where = ", ".join(f"{n:,} in {attribute}" for attribute, n in sizes.items() if n)
        whole = f"{type(self).__name__} with {counted(number_of_parameters(self))}"
        return printable(whole + (f": {where}" if where else ""))


class Network(Module):
    """A Module of this package's own that may tell classes apart: with slots, one of them for the classes' names."""

    __slots__ = ("classes",)

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Return one without names, so that the slot is never empty."""
        network = super().__new__(cls)
        network.classes = ()
        return network


# Names of classes ----------------------------------------------------------------------------------------------------


class _Names(list[str]):
    """Names of classes that `fit` or a file has given to a model, not the user."""


def class_names(model: Any) -> list[str]:
    """Return the names of the classes that a model tells apart; [] if it has none.

    >>> class Line(Module): ...
    >>> line = Line()
    >>> name_classes(line, ["cat", "dog"])
    >>> class_names(line), line.classes
    (['cat', 'dog'], ['cat', 'dog'])
    """
    found = _classes_of(model)
    listed = found.tolist() if hasattr(found, "tolist") else found
    named = isinstance(listed, (list, tuple)) and all(isinstance(x, str) for x in listed)
    return list(listed) if named else []


def name_classes(model: Any, names: Sequence[str]) -> None:
    """Keep the names of its classes with a Module; an attribute `classes` of a class of the user's own stays.

    Arguments:
        names: none if they are not known: then those that the user has assigned stay.
    """
    found = _classes_of(model)
    if (isinstance(found, _Names) and list(found) != names) or (
        names and (found is Module.classes or isinstance(model, Network))
    ):
        with contextlib.suppress(Exception):  # a class of the user's own may refuse attributes, in whatever way
            model.classes = _Names(names)


def _classes_of(model: Any) -> Any:
    """Return the attribute of a Module, without running code of a class of the user's own; None if it has another."""
    if not isinstance(model, Module):
        return None
    found = inspect.getattr_static(model, "classes", None)
    slot = Network.classes  # type: ignore[misc]  # it is in place of the base's attribute
    return model.classes if found is slot else found


def _classes_in(document: Mapping[str, Any]) -> list[str]:
    """Return the names of classes in a file.

    Raises:
        ValueError: they are no list of names.
    """
    names = document.get("classes", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("the file is damaged: its classes are no names")
    return names


# Architectures in files ----------------------------------------------------------------------------------------------


def _encoded(x: Any, seen: set[int]) -> Any:
    """Return an argument of an architecture as JSON has it; None if a file cannot hold one of its Modules.

    Arguments:
        seen: the Modules so far, by id: one that occurs twice would be made twice.
    """
    if isinstance(x, Module):
        arguments = None if id(x) in seen else x.architecture()
        seen.add(id(x))
        if arguments is None:
            return None
        encoded = {name: _encoded(argument, seen) for name, argument in arguments.items()}
        return None if None in encoded.values() else {"class": type(x).__name__, **encoded}
    if isinstance(x, (list, tuple)):
        parts = [_encoded(part, seen) for part in x]
        return None if None in parts else parts
    if isinstance(x, (str, int)) or (isinstance(x, float) and math.isfinite(x)):
        return x
    raise TypeError(f"architecture() returns {quoted(x)}, which a file cannot hold: return numbers, text and Modules")


def _labels(named: Mapping[str, Value]) -> dict[str, str] | None:
    """Return the labels that the user has chosen, by the names of the parameters; the others end these names.

    A label with a lone surrogate is left out: no file can hold it.
    """
    chosen = {name: p.label for name, p in named.items() if not name.endswith(p.label)}
    return {name: label for name, label in chosen.items() if label.encode(errors="ignore").decode() == label} or None


def loaded(path: str | os.PathLike[str], classes: Mapping[str, type[Module]]) -> Module:
    """Make the Module that `save` wrote.

    Arguments:
        path: the file.
        classes: those that it may consist of, by name. Nothing else is looked up, imported or called.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, too large, without an architecture, or with a class that is not among these.
    """
    try:
        size, content = read_at_most(path, _LARGEST_NETWORK)
        if size > _LARGEST_NETWORK:
            raise ValueError(f"it has at least {size:,} bytes, more than nn.load reads: {_MAKE_IT}")
        document = document_from_text(content)
        numbers, architecture = document["parameters"], document.get("architecture")
        if architecture is None:
            raise ValueError(f"it has parameters, but no architecture: {_MAKE_IT}")
        module = _decoded(architecture, classes, [len(numbers)])
        if not isinstance(module, Module):
            raise ValueError("the file is damaged: its architecture is none")
        ours = module._by_name()
        if numbers.keys() != ours.keys():
            raise ValueError(f"its architecture does not fit its numbers: {_difference(list(ours), [*numbers])}")
        labels = document.get("labels", {})
        if not isinstance(labels, dict) or not all(isinstance(x, str) for x in labels.values()):
            raise ValueError("the file is damaged: its labels are no text")
        names = _classes_in(document)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"cannot load {path_text(path)}: {problem}") from None
    commit_data(ours.values(), map(numbers.__getitem__, ours))
    for name, label in labels.items():
        if name in ours:
            ours[name].label = label
    name_classes(module, names)
    return module


def _decoded(x: Any, classes: Mapping[str, type[Module]], left: list[int]) -> Any:
    """Return an argument of an architecture, from what a file has.

    Arguments:
        left: the number of parameters for which the file has numbers, those of Modules that are made taken off.
    """
    if isinstance(x, list):
        return [_decoded(part, classes, left) for part in x]
    if not isinstance(x, dict):
        return x
    name = x.get("class")
    if not isinstance(name, str) or name not in classes:
        raise ValueError(
            f"its architecture has the class {quoted(name if isinstance(name, str) else type(name))}, which is none of "
            f"{', '.join(sorted(classes))}: "
            f"pass it in nn.load(path, classes=[...]), or {_MAKE_IT}"
        )
    arguments = {key: _decoded(part, classes, left) for key, part in x.items() if key != "class"}
    try:
        module = classes[name].from_architecture(arguments, left[0])
    except (TypeError, ValueError, OverflowError) as problem:
        raise ValueError(f"its architecture makes no {visible(name)}: {problem}") from None
    left[0] -= 0 if any(map(_holds_a_module, arguments.values())) else len(module.parameters())
    return module


def _holds_a_module(argument: Any) -> bool:
    return isinstance(argument, Module) or (isinstance(argument, list) and any(map(_holds_a_module, argument)))


def number_of_parameters(module: Module) -> int:
    """Return the number of parameters; what cannot be collected is left out, so that a `repr` never raises."""
    return len(module.parameters() if _is_overridden(type(module)) else _Walk(module).leaves)


def counted(n: int) -> str:
    """Return a number of parameters in words.

    >>> counted(1), counted(2410)
    ('1 parameter', '2,410 parameters')
    """
    return f"{n:,} parameter{'s' * (n != 1)}"


def _is_overridden(kind: type[Module]) -> bool:
    return kind.parameters is not Module.parameters


def _difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Describe how the names in a file differ from those of a network."""
    sides = [("lacks", ours, set(theirs)), ("also has", theirs, set(ours))]
    differing = [(what, [name for name in names if name not in others]) for what, names, others in sides]
    parts = [f"{what} {_first(names)}" for what, names in differing if names]
    return f"it has {counted(len(theirs))}, this network {len(ours):,}: it {' and '.join(parts)}"


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(map(visible, names if len(names) <= 4 else names[:3]))
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 3:,} more"


# Places and their names ----------------------------------------------------------------------------------------------


class _Key(NamedTuple):
    key: Any
    position: int


_Step = int | str | _Key
"""One step into a container: the index of an element, the name of an attribute, or a key."""

_Entry = tuple[Any, Any]
"""A part, after its place."""

_Place = tuple[Any, ...]
"""A part's place: (the entry of its container, which all its parts share, the step from there); () for the root."""


def _steps(place: _Place) -> list[_Step]:
    steps = []
    while place:
        (place, _), step = place
        steps.append(step)
    return steps[::-1]


def _named(leaves: Sequence[_Entry]) -> Iterator[tuple[str, Value]]:
    """Yield each leaf with its name, `layer1.neuron3.weight2`, or where that is another's, its expression in Python."""
    names, known = [], dict[int, str]()
    last, before = None, ""
    for (container, step), _ in leaves:
        if container is not last:
            last, before = container, _name(container, known)
        names.append(_joined(before, container, step))
    if len(set(names)) < len(names):
        times = Counter(names)
        names = [x if times[x] == 1 else _expression(place).lstrip(".") for x, (place, _) in zip(names, leaves)]
    for name, (_, p) in zip(names, leaves):
        yield name, p


def _name(entry: _Entry, known: dict[int, str]) -> str:
    """Return the name of a container; the names of those around it are added to the known ones, by id."""
    unknown = []
    while entry[0] and id(entry) not in known:
        unknown.append(entry)
        entry = entry[0][0]
    name = known.get(id(entry), "")
    for inner in reversed(unknown):
        name = known[id(inner)] = _joined(name, *inner[0])
    return name


def _joined(name: str, container: _Entry, step: _Step) -> str:
    if isinstance(step, int):
        return f"{name}.{step + 1}" if name[-1:].isdigit() else f"{name}{step + 1}"
    if isinstance(step, _Key):
        called = _text(step)
    else:
        called = container[1]._part_names.get(step, step) if isinstance(container[1], Module) else step
    return f"{name}.{called}" if name else called


def _text(entry: _Key) -> str:
    """Return the text of a key; where that differs from run to run, the number of the entry."""
    return str(entry.key) if _is_constant(entry.key) else str(entry.position)


def _is_constant(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_constant, key))
    shown: Any = type(key).__repr__
    return not isinstance(key, (Value, Module)) and shown is not object.__repr__


def _expression(place: _Place) -> str:
    """Return a place as it is written in Python after the name of the model: `.layers[0].neurons[2].w[1]`."""
    return "".join(
        f".{step}" if isinstance(step, str) else f"[{step if isinstance(step, int) else quoted(step.key)}]"
        for step in _steps(place)
    )


# Collecting ----------------------------------------------------------------------------------------------------------

_HOLDS_REFERENCES = 1 << 14  # Py_TPFLAGS_HAVE_GC: instances refer to others, which the garbage collector can list
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class that is not built in
_NEVER_SEARCHED = (ModuleType, FrameType, Op, _Marks)  # they lead to the rest of the program, or hold no leaf
_WEAK = (weakref.ref, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_NO_PARTS = ("__", "_part_names", "_abc_impl")  # attributes of a class that describe it
_UNSET = object()
_MOST_KINDS = 1_000  # classes that are remembered
_MOST_SEARCHED = 10_000  # objects for each that is searched; a logger leads to 50, a function of jax.jit to 120


_Parts = tuple[Iterable[_Step], Iterable[Any]]
"""The step to each part of a container, and the parts."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """How instances of a class are taken apart."""

    module: bool = False
    """True for a subclass of Module."""
    declared: Sequence[str] | None = None
    """The names of fields and slots, if attributes are collected; those in `__dict__` follow."""
    listed: Callable[[Any], _Parts] | None = None
    """The function that lists the elements or entries, if there are any."""
    lazy: bool = False
    """True if elements may be made, or read from a file, as they are listed."""
    opaque: bool = False
    """True if an instance may hold more than that."""
    refers: Callable[[Any], Iterable[Any]] | None = None
    """The function that lists what an instance refers to, where the garbage collector sees too little or too much."""
    shows: Callable[[Any], Iterable[Any]] | None = None
    """The function that lists what else an instance leads to without holding it: asked of parts alone."""
    descriptor: bool = False
    """True for functions, properties and whatever else a class computes its attributes with."""


class _Walk:
    """The leaves that an object holds, and what else may hold some.

    Arguments:
        root: a Module, or a part of one. Its attributes count even if it overrides `parameters()`.
        whole: True if the attributes of all Modules count so, and nobody's `parameters()` is asked.

    Attributes:
        leaves: each leaf with its place, in order.
        constants: each Value that a Module lists as saved, but not trained.
        modules: each Module.
    """

    def __init__(self, root: Any, *, whole: bool = False) -> None:
        self.root, self.whole = root, whole
        self.modules: list[Module] = []
        self.leaves: list[_Entry] = []
        self.constants: list[_Entry] = []
        self._results: list[_Entry] = []
        self._opaque: list[_Entry] = []
        self._instances: dict[type, _Entry] = {}  # the first of each class with attributes
        self._seen = seen = dict[int, Any]()  # by id, and alive, because the lists of arrays are made for this walk
        stack: list[_Entry] = [((), root)]
        while stack:
            entry = stack.pop()
            part = entry[1]
            if id(part) in seen:
                continue
            seen[id(part)] = part
            if type(part) is Value:
                (self.leaves if part.op is None else self._results).append(entry)
            elif type(part) is list and set(map(type, part)) == {Value}:  # most parameters: no detour by the stack
                for i, x in enumerate(part):
                    if id(x) not in seen:
                        seen[id(x)] = x
                        (self.leaves if x.op is None else self._results).append(((entry, i), x))
            else:
                stack += self._parts(entry)

    def check(self) -> None:
        """Raise TypeError if there are other leaves where they cannot be collected."""
        if self._results:
            self._check_results()
        visited: dict[int, Any] = {}
        for place, part in self._opaque:
            self._refuse(self._left_out(part, visited, _shown(place, part)), place, *_why_not(type(part)))
        for entry in self._instances.values():
            for name, part in _of_class(type(entry[1])):
                if inspect.getattr_static(entry[1], name, None) is part:
                    what = "an attribute of the class, which all instances share"
                    place = entry, name
                    found = self._left_out([part], visited, _shown(place, part))
                    self._refuse(found, place, what, "Assign it in __init__")

    def _check_results(self) -> None:
        """Raise TypeError for a result that was computed from lost leaves, as in `self.w = Value(2.0) / 10`.

        Kept activations are none: they depend on parameters, or on inputs that someone still has.
        """
        leaf = self._lost_leaf([v for _, v in self._results])
        if leaf is not None:
            place, v = next(entry for entry in self._results if _depends_on(entry[1], {leaf}))
            where = f"{escaped(type(self.root).__name__)}{_expression(place)}"
            raise TypeError(
                f"{where} is a result of {v.op.name}, which depends on no parameter, but on {leaf}, which nothing else "
                "holds: neither would be trained. Make a leaf of its number, Value(v.data); or assign that leaf, and "
                "compute with it in __call__. If the number is to stay as it is, assign v.data"
            )

    def _lost_leaf(self, results: Iterable[Value]) -> Value | None:
        """Return a leaf that nothing but the graphs of these results holds; of those with a parameter, none counts."""
        known = {p for _, p in (*self.leaves, *self.constants)}
        nodes = graph_of(*(v for v in results if not _depends_on(v, known)))
        uses = Counter(id(x) for v in nodes for x in v.args)
        leaves = [v for v in nodes if v.op is None and not is_input(v)]
        del nodes  # now of this function's names only one list refers to a leaf, as another to the object
        *counts, alone = map(sys.getrefcount, [*leaves, object()])
        return next((x for x, count in zip(leaves, counts) if count - alone <= uses[id(x)] + 1), None)

    def _refuse(self, leaf: Value | None, place: _Place, what: str, advice: str) -> None:
        if leaf is not None:
            raise TypeError(
                f"{escaped(type(self.root).__name__)}{_expression(place)} is {what}, so {leaf} in it would not be "
                f"trained. {advice}, or override parameters() to return what is trained"
            )

    def _parts(self, entry: _Entry) -> list[_Entry]:
        """Return what may hold leaves among the parts of an object, with their places, the last one first."""
        part, found = entry[1], list[_Entry]()
        kind = _KINDS[type(part)]
        if kind is None:
            return found
        if kind.module:
            self.modules.append(part)
            for name in part._constants:
                listed = ((entry, name), getattr(part, name))
                self.constants += [((listed, i), x) for i, x in enumerate(listed[1])]
        if kind.module and not self.whole and _is_overridden(type(part)) and part is not self.root:
            found += [((entry, name), p) for name, p in part.named_parameters()]
            return found[::-1]
        if kind.module or kind.declared is not None or kind.opaque:
            self._instances.setdefault(type(part), entry)
        if kind.opaque or (type(part) is dict and _holding(part)):  # as a key
            self._opaque.append(entry)
        if kind.declared is not None:
            found += [((entry, name), x) for name, x in _attributes(part, kind.declared).items() if _KINDS[type(x)]]
        if kind.listed and not (kind.lazy and self._left_out(part, {}) is None):
            steps, parts = kind.listed(part)
            kinds = _holding(parts)
            if kinds:
                found += [((entry, step), x) for step, x in zip(steps, parts) if type(x) in kinds]
        return found[::-1]

    def _left_out(self, part: Any, visited: dict[int, Any], shown: Iterable[Any] = ()) -> Value | None:
        """Return a leaf that this object leads to, in whatever way, and that has not been collected; None without one.

        Arguments:
            visited: what earlier searches have visited in vain, by id; what this one visits is added.
            shown: what else it leads to.
        """
        level, most = [part], len(visited) + _MOST_SEARCHED
        while level:
            referents, shown = [*shown, *_referents(level)], ()
            kinds, level = _holding(referents), []
            for x in islice((x for x in referents if type(x) in kinds), most - len(visited)):
                if id(x) not in self._seen and id(x) not in visited:
                    if type(x) is not Value:
                        visited[id(x)] = x
                        level.append(x)
                    elif x.op is None:
                        return x
        return None


def _depends_on(result: Value, leaves: Container[Value]) -> bool:
    """Return True if one of these leaves is in the graph of a result; of an activation, it is found after few steps."""
    seen, waiting = {result}, [result]
    while waiting:
        for x in waiting.pop().args:
            if type(x) is Value and x not in seen:
                if x in leaves:
                    return True
                seen.add(x)
                waiting.append(x)
    return False


class _Kinds(dict[type, _Kind | None]):
    """How each class is taken apart; None if its instances hold nothing."""

    def __missing__(self, kind: type) -> _Kind | None:
        if len(self) >= _MOST_KINDS:  # classes come and go in a notebook
            self.clear()
        return self.setdefault(kind, _kind_of(kind))


_KINDS = _Kinds()


def _holding(parts: Iterable[Any]) -> set[type]:
    """Return the classes of these objects whose instances may hold leaves."""
    return {kind for kind in set(map(type, parts)) if _KINDS[kind]}  # a class at a time: there may be millions


def _kind_of(kind: type) -> _Kind | None:
    array, module = _defines(kind, "tolist", "dtype", "__len__"), issubclass(kind, Module)  # NumPy's, and its records
    flat = _defines(kind, "base", "coords", "__next__")  # NumPy's iterator over an array
    if issubclass(kind, _NEVER_SEARCHED) or not (kind.__flags__ & _HOLDS_REFERENCES or array or flat):
        return None
    if issubclass(kind, type):  # searched on the way, a class would lead to the rest of the program, too
        return _Kind(opaque=True, refers=lambda part: (), shows=lambda part: [x for _, x in _of_class(part)])
    if flat:
        return _Kind(opaque=True, refers=lambda part: _of_array(part.base)[1])
    declared = _declared(kind) if module or _fields(kind) else None
    if array and _defines(kind, "filled"):  # masked
        return _Kind(module, declared, opaque=True, refers=lambda part: _of_array(part.data)[1])
    if array:
        return _Kind(module, declared, _of_array, refers=lambda part: _of_array(part)[1])
    known = issubclass(kind, (list, tuple, deque, dict))
    listed = None
    if known or not module:
        listed = _elements if issubclass(kind, Sequence) else _entries if issubclass(kind, Mapping) else None
    exact = kind in (list, tuple, deque, dict) or (module and not issubclass(kind, AbstractSet))
    return _Kind(
        module,
        declared,
        listed,
        lazy=not known,
        opaque=not exact,
        refers=_of_function if kind is FunctionType else None,
        shows=_of_references if issubclass(kind, _WEAK) else _of_variable if kind is ContextVar else None,
        descriptor=_defines(kind, "__get__"),
    )


def _fields(kind: Any) -> list[str]:
    """Return the names of the fields of a dataclass, or of a class of the package attrs, in order."""
    if _defines(kind, "__dataclass_fields__"):
        return [field.name for field in dataclasses.fields(kind)]
    return [field.name for field in kind.__attrs_attrs__] if _defines(kind, "__attrs_attrs__") else []


def _slots(kind: type) -> list[str]:
    """Return the names of the slots of a class, in order of definition."""
    names = []
    for base in reversed(kind.__mro__):
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in names if name not in ("__dict__", "__weakref__", "_marks")]


def _declared(kind: type) -> list[str]:
    """Return the names of the attributes that the definition of a class lists."""
    return [*_fields(kind), *_slots(kind)]


def _attributes(part: Any, declared: Iterable[str]) -> dict[str, Any]:
    """Return the attributes of an object: the declared ones that are set, then those in `__dict__`."""
    found = {name: x for name in declared if (x := getattr(part, name, _UNSET)) is not _UNSET}
    return found | getattr(part, "__dict__", {})


def _elements(part: Any) -> _Parts:
    return count(), part if isinstance(part, (list, tuple, deque)) else list(part)


def _entries(part: Any) -> _Parts:
    entries = list(part.items())
    return (_Key(key, i) for i, (key, _) in enumerate(entries, 1)), [x for _, x in entries]


def _defines(kind: type, *names: str) -> bool:
    """Return True if a class or its bases define these attributes; a metaclass might answer to every name."""
    return all(any(name in vars(base) for base in kind.__mro__) for name in names)


def _of_array(part: Any) -> _Parts:
    """Return the elements of an array of objects, and the fields of a structured one that has objects in it."""
    dtype = part.dtype
    if not getattr(dtype, "hasobject", False):
        return (), ()
    if dtype.names:
        return (_Key(name, i) for i, name in enumerate(dtype.names, 1)), [part[name] for name in dtype.names]
    listed = part.tolist()
    return _elements(listed) if part.ndim else ([_Key((), 1)], [listed])


def _of_class(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a class, with their names, that may hold leaves: no methods and other descriptors."""
    for base in type.mro(kind):
        if base.__flags__ & _HEAP_TYPE and base is not Module:
            for name, x in vars(base).items():
                found = _KINDS[type(x)]
                if found and not found.descriptor and not name.startswith(_NO_PARTS):
                    yield name, x


def _of_references(part: Any) -> list[Value]:
    """Return the Values behind weak references. The modules behind them are mostly those that hold this one."""
    if isinstance(part, weakref.ref):
        found = [part()]
    else:
        found = [*part.values()] if isinstance(part, weakref.WeakValueDictionary) else [*part]
    return [x for x in found if type(x) is Value]


def _shown(place: _Place, part: Any) -> Iterable[Any]:
    """Return what a part leads to without holding it.

    Weak references may be to the Values of others, as in an optimizer; not if a module, or a list in it, has them.
    """
    kind = _KINDS[type(part)]
    if kind is None or kind.shows is None:
        return ()
    (place, holder), _ = place
    while place and isinstance(holder, (list, tuple, deque, dict)):
        (place, holder), _ = place
    return kind.shows(part) if isinstance(holder, Module) or not isinstance(part, _WEAK) else ()


def _of_variable(part: ContextVar[Any]) -> list[Any]:
    return [part.get(None)]


def _of_function(part: Any) -> list[Any]:
    """Return what a function refers to, its globals left out."""
    return [part.__closure__, part.__defaults__, part.__kwdefaults__, part.__dict__]


def _referents(parts: Iterable[Any]) -> list[Any]:
    """Return everything that these objects refer to."""
    found, others = list[Any](), list[Any]()
    for part in parts:
        kind = _KINDS[type(part)]
        if kind and kind.refers:
            found += kind.refers(part)
        else:
            others.append(part)
    return found + gc.get_referents(*others)


def _why_not(kind: type) -> tuple[str, str]:
    """Return what keeps the leaves in instances of this class from being collected, and what to do."""
    for kinds, what, advice in _REASONS:
        if issubclass(kind, kinds):
            return what, advice
    if _defines(kind, "filled"):
        return "a masked array", "Make it an array without a mask"
    what = f"an instance of {kind.__name__}, neither a Module nor a dataclass"
    if not _is_the_users(kind):
        return what, "Assign its Values and Modules themselves, or a list of them"
    return what, f"Make {kind.__name__} a Module or a dataclass, or use a list or a dictionary in its place"


def _is_the_users(kind: type) -> bool:
    """Return False for a class of Python's, which nobody can make a Module."""
    return kind.__module__.partition(".")[0] not in sys.stdlib_module_names


_REASONS: list[tuple[Any, str, str]] = [
    (MappingView, "a view of a dictionary", "Keep the dictionary itself, or make a list of it"),
    (weakref.ref, "a weak reference, which keeps nothing alive", "Assign the Value itself"),
    (weakref.WeakSet, "a weak set, which keeps nothing alive", "Put its Values in a list"),
    (weakref.WeakValueDictionary, "a weak dictionary, which keeps nothing alive", "Put its Values in a dictionary"),
    (type, "a class, whose attributes all instances share", "Keep an instance that assigns them in __init__"),
    (ContextVar, "a context variable, which has another value in each context", "Assign the Value itself"),
    (AbstractSet, "a set, whose order differs from run to run", "Put its Values and Modules in a list"),
    (Iterator, "an iterator, which can be read only once", "Make a list of it"),
    (
        (FunctionType, MethodType, BuiltinMethodType, partial),
        "a function, which hides what it uses",
        "Make it a Module with a __call__, or write what stays constant as a plain number",
    ),
    (Mapping, "a mapping, of which only the values are collected", "Move it to the values, or to a list"),
]
