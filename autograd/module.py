"""Define `Module`, the base of all models: its parameters, its outputs for many samples, and its files."""

import contextlib
import inspect
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, ClassVar, Self

from autograd.collecting.holder import (
    Holder,
    freeze_parts,
    frozen_parts,
    lacks_an_attribute,
    mark_all,
    numbers_of_parameters,
    states_of,
    warn_of_new,
)
from autograd.collecting.places import is_part_of, with_names
from autograd.collecting.walk import Walk, frozen_or_not, names_of_all, refuse_twins
from autograd.engine import Value, commit_data
from autograd.files import document_from_text, numbers_to_text, path_text, read_at_most, write_whole
from autograd.floats import number
from autograd.hints import ConstantHints, ModelHints, of_a_model
from autograd.marks import attributes_of, call_forward, is_own, mark, marks_of
from autograd.modes import is_training
from autograd.ops import TABLE, Op
from autograd.samples.prediction import predict
from autograd.text import and_joined, counted, escaped, printable, quoted, visible
from autograd.trees import tree_filled, tree_leaves, tree_lists, tree_map

_ANY_FILE, _UNNAMED_ENTRY = 64 * 2**20, 60  # bytes: a file that is always read; an entry without its name, at most
_LARGEST_NETWORK = 256 * 2**20  # bytes of a file from which a network is made: four million parameters
_MAKE_IT = "make the network as it was made before, and call model.load(path)"

_ABOUT_NEW = (
    ". Was it assigned after the model had been made, outside of a call? That counts as a parameter: keep what is not "
    "to be trained in a local variable, or in an nn.Constant"
)


class Module(ModelHints, Holder):
    """The base of everything that has parameters, the numbers that training changes.

    Subclass it, and assign Values and Modules to attributes in `__init__`. The parameters are the leaves that it holds
    (in attributes, lists, arrays, dictionaries, dataclasses, other Modules), but for those that a call has put there,
    which are state, those in an `nn.Constant`, and those of parts that are frozen. Results of operations are no
    parameters: they may be kept, but not in place of the leaves that they were computed from.

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
            close = get_close_matches(
                "forward", (x for x in dir(type(self)) if callable(getattr(self, x, None))), 1, 0.8
            )
            instead = f"; is {name}.{close[0]} meant to be forward?" if close else ""
            raise TypeError(
                f"{name} cannot be called: define {name}.__call__(self, x), which returns the outputs of x{instead}"
            )
        return call_forward(self, *inputs, **named)

    @property
    def training(self) -> bool:
        """True while the model is trained, so that a layer may compute something else then, such as dropout.

        In `fit` it is True, but for the validation data, and for parts of the model that are in `eval()`; in `predict`
        it is False. In other calls it is what `train()` or `eval()` has set, at first True. Of a frozen Module it is
        False everywhere. To set it changes this Module alone, not those inside.
        """
        marks = marks_of(self)
        return is_training(marks.training, marks.frozen)

    @training.setter
    def training(self, mode: bool) -> None:
        mark(self, training=bool(mode))

    @of_a_model
    def train(self, mode: bool = True) -> Self:
        """Set `training` of this Module and all Modules inside, and return it.

        `fit` trains a model in whatever mode it is, but leaves a part in `eval()` so.

        >>> from autograd import nn
        >>> model = nn.Sequential(nn.Layer(2, 3), nn.Layer(3, 1))
        >>> model.eval().modules[1].training, model.train().modules[1].training
        (False, True)
        """
        mark_all(self, training=bool(mode))
        return self

    @of_a_model
    def eval(self) -> Self:
        """Do `train(False)`."""
        return self.train(False)

    @of_a_model
    def predict(self, xs: Any, backend: str = "auto") -> Any:
        """Return the outputs for many samples, computed together.

        The first call records the model at one sample and compiles the graph, as `fit` does; later calls use what was
        compiled, with the numbers that the parameters have by then, and compile again only if the model has changed.
        To notice that, each call records one of the samples, or those with numbers beyond all so far.
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

    @of_a_model
    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, frozen or not."""
        for p in self.all_parameters():
            p.grad = 0.0

    @of_a_model
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to a JSON file, by name; the architecture and the names of classes where there are any.

        It has all of them, and says which parts are frozen. `load` reads the parameters back to the bit, inf and nan
        included, and `nn.load` makes the network anew, with the same parts frozen. An existing file is replaced only
        when the new one is complete: if writing fails, the old file stays. A device or a pipe is written to directly.

        Warns:
            ParameterWarning: some have come since the model was made.

        Raises:
            OSError: the file cannot be written, or is read-only.
            ValueError: two parameters have the same name, or a name has a lone surrogate.
        """
        refuse_twins(self)
        warn_of_new(self)
        named, classes = self._by_name(), class_names(self)
        numbers = {name: p.data for name, p in named.items()}
        architecture, lacking = _encoded(self)
        labels = None if architecture is None else _labels(named)
        frozen = {} if architecture is None else frozen_parts(self)
        try:
            others = {"labels": labels, "classes": classes or None, "without_architecture": lacking}
            content = numbers_to_text(numbers, architecture=architecture, frozen=frozen or None, **others).encode()
        except UnicodeEncodeError:
            name = next(name for name in (*classes, *numbers, *frozen) if name.encode(errors="ignore").decode() != name)
            raise ValueError(f"no file can hold the lone surrogate in the name '{visible(name)}': rename it") from None
        write_whole(path, content)

    @of_a_model
    def load(self, path: str | os.PathLike[str]) -> None:
        """Read the parameters from a file that `save` wrote, and the names of the classes; gradients do not change.

        What is frozen in the model stays frozen, and nothing else is, whatever the file says: that is for `nn.load`.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or from a network of another shape. No parameter has changed then.
        """
        ours = self._by_name()
        try:
            most = _ANY_FILE + sum(_UNNAMED_ENTRY + 12 * len(name) for name in ours)
            size, content = read_at_most(path, most)
            if size > most:  # parsed, it would take several times as much memory
                raise ValueError(
                    f"it has at least {size:,} bytes, far more than {counted(len(ours), 'parameter')} need"
                )
            document = document_from_text(content)
            numbers = document["parameters"]
            if numbers.keys() != ours.keys():
                about = _about_state(self, [*numbers])
                if not about and ours.keys() < numbers.keys() and lacks_an_attribute(self, numbers):
                    about = _ABOUT_NEW
                raise ValueError(_difference(list(ours), list(numbers)) + about)
            classes = _classes_in(document)
        except ValueError as problem:
            raise ValueError(f"cannot load {path_text(path)}: {problem}; nothing was changed") from None
        self._take(numbers)
        name_classes(self, classes)

    def architecture(self) -> dict[str, Any] | None:
        """Return the arguments with which the class makes a Module like this one, but for its parameters' numbers.

        `save` writes them, for `nn.load`. They are numbers, text, None, operations (`autograd.tanh`), Modules, and
        lists of these; anything else is refused when the Module is made. None in their place stands for a Module that
        no such arguments make. Those of your own classes that return some are passed to `nn.load` as `classes`.
        """
        return None

    def _why_no_architecture(self) -> str:
        has_none = type(self).architecture is Module.architecture
        return "which has no architecture()" if has_none else "whose architecture() is None"

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

    def _made(self) -> None:
        """Also check a class of the user's own: what would fail only later, when it is used, or after training.

        Raises:
            TypeError: an attribute is in place of a method, or a file cannot hold what `architecture` returns.
        """
        kind = type(self)
        if not is_own(kind):
            _refuse_attributes(self)
        super()._made()
        if not is_own(kind) and kind.architecture is not Module.architecture:
            arguments = None
            with contextlib.suppress(Exception):  # it may need what is assigned later
                arguments = self.architecture()
            for name, x in arguments.items() if isinstance(arguments, dict) else ():
                _encoded_argument(x, (self, name), lambda part: None)

    def _take(self, numbers: Mapping[str, float]) -> None:
        """Set the Values of a file, by name."""
        walk = Walk(self, whole=True)
        names = {id(v): name for name, v in with_names(walk.everything)}
        for module, leaves in walk.kept():
            if isinstance(module, Constant):
                module.load_leaves([numbers[names[id(v)]] for _, v in leaves])
        ours = self._by_name()
        commit_data(ours.values(), map(numbers.__getitem__, ours))

    def _by_name(self) -> dict[str, Value]:
        """Return the Values of a file by name: the parameters, frozen or not, and all that is saved beside them."""
        named = frozen_or_not(lambda: list(self.named_parameters()))
        parameters = {p for _, p in named}
        named += [(name, v) for name, v in names_of_all(self) if v not in parameters]
        by_name = dict(named)
        if len(by_name) != len(named):
            twice = next(name for name, p in named if by_name[name] is not p)
            raise ValueError(f"two parameters have the name '{visible(twice)}': rename one of the attributes in it")
        return by_name

    def __repr__(self) -> str:
        parts = [(name, x) for name, x in attributes_of(self).items() if name not in marks_of(self).state]
        known = {p for _, p in frozen_or_not(Walk(self).trained)}
        sizes = {name: sum(p in known for _, p in frozen_or_not(Walk(part).trained)) for name, part in parts}
        where = ", ".join(f"{n:,} in {attribute}" for attribute, n in sizes.items() if n)
        whole = f"{type(self).__name__} with {parameters_in_words(self)}"
        return printable(whole + (f": {where}" if where else ""))


_METHODS = frozenset(name for name in dir(Module) if name[0] != "_" and callable(getattr(Module, name)))


def _refuse_attributes(module: Module) -> None:
    """Raise TypeError for an attribute in place of a method; a function may be, as `parameters` of one Module alone."""
    for name, x in attributes_of(module).items():
        if name in _METHODS and (isinstance(x, Holder) or not callable(x)):
            kind = escaped(type(module).__name__)
            raise TypeError(
                f"{kind}.{name} is {quoted(x) if not isinstance(x, Holder) else 'a ' + type(x).__name__}, in place of "
                f"the method {name}() of every Module: rename the attribute, to self.{name}_ or the like"
            )


class Network(Module):
    """A Module of this package's own that may tell classes apart: with slots, one of them for the classes' names."""

    __slots__ = ("classes",)
    _derived: ClassVar[frozenset[str]] = frozenset({"classes"})

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
    slot = Network.classes  # it is in place of the base's attribute
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


class _CannotBeMadeError(Exception):
    """A Module that no arguments make, so that a file has only its numbers; with the reason."""


def _encoded(module: Module) -> tuple[dict[str, Any] | None, str | None]:
    """Return the architecture of a Module as JSON has it; or None, and the part that keeps a file from holding it."""
    try:
        return _encoded_module(module, set()), None
    except _CannotBeMadeError as problem:
        return None, f"{problem}"


def _encoded_module(module: Module, seen: set[int]) -> dict[str, Any]:
    """Do it for a Module.

    Arguments:
        seen: the Modules so far, by id: one that occurs twice would be made twice.
    """
    twice = id(module) in seen
    arguments = None if twice else module.architecture()
    seen.add(id(module))
    if arguments is None:
        raise _CannotBeMadeError(
            f"{type(module).__name__}, " + ("which occurs twice" if twice else module._why_no_architecture())
        )
    encoded = {
        name: _encoded_argument(x, (module, name), lambda part: _encoded_module(part, seen))
        for name, x in arguments.items()
    }
    return {"class": type(module).__name__, **encoded}


def _encoded_argument(x: Any, where: tuple[Module, str], of_module: Callable[[Module], Any]) -> Any:
    """Do it for an argument.

    Arguments:
        where: the Module whose argument it is, and the argument's name.
        of_module: what to do for a Module.
    """
    if isinstance(x, Module):
        return of_module(x)
    if isinstance(x, (list, tuple)):
        return [_encoded_argument(part, where, of_module) for part in x]
    if x is None or isinstance(x, (str, bool)):
        return x
    if isinstance(x, Integral):
        return int(x)
    if isinstance(x, Real):
        return float(x) if math.isfinite(x) else {"number": str(float(x))}
    if isinstance(x, Op) and TABLE.get(x.name) is x:
        return {"operation": x.name}
    module, name = where
    raise TypeError(
        f"{escaped(type(module).__name__)}.architecture() returns {quoted(x)} as {quoted(name)}, which a file cannot "
        "hold: return numbers, text, None, operations, Modules, and lists of these; or None in place of all, if "
        "nn.load is not to make such a Module"
    )


def _labels(named: Mapping[str, Value]) -> dict[str, str] | None:
    """Return the labels that the user has chosen, by the names of the parameters; the others are paths to them.

    A label with a lone surrogate is left out: no file can hold it.
    """
    chosen = {
        name: p.label
        for name, p in named.items()
        if p.label and not is_part_of(p.label, name) | is_part_of(name, p.label)
    }
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
            lacking = document.get("without_architecture")
            because = f", because of {visible(lacking)}" if isinstance(lacking, str) else ""
            raise ValueError(f"it has parameters, but no architecture{because}: {_MAKE_IT}")
        module = _decoded(architecture, classes, [len(numbers)])
        if not isinstance(module, Module):
            raise ValueError("the file is damaged: its architecture is none")
        ours = module._by_name()
        if numbers.keys() != ours.keys():
            raise ValueError(f"its architecture does not fit its numbers: {_difference(list(ours), [*numbers])}")
        labels = document.get("labels", {})
        if not isinstance(labels, dict) or not all(isinstance(x, str) for x in labels.values()):
            raise ValueError("the file is damaged: its labels are no text")
        names, frozen = _classes_in(document), document.get("frozen", {})
        if not isinstance(frozen, dict) or not all(isinstance(x, bool) for x in frozen.values()):
            raise ValueError("the file is damaged: what is frozen in it are no parts")
        freeze_parts(module, frozen)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"cannot load {path_text(path)}: {problem}") from None
    module._take(numbers)
    ours = module._by_name()
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
    if x.keys() == {"number"} and x["number"] in ("inf", "-inf", "nan"):
        return float(x["number"])
    if x.keys() == {"operation"}:
        return _operation(x["operation"])
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
    left[0] -= 0 if any(map(_holds_a_module, arguments.values())) else len(list(module.parameters()))
    return module


def _operation(name: Any) -> Op:
    if not isinstance(name, str) or name not in TABLE:
        raise ValueError(f"no operation {quoted(name)}: if it is one of your own, define it before you load")
    return TABLE[name]


def _holds_a_module(argument: Any) -> bool:
    return isinstance(argument, Module) or (isinstance(argument, list) and any(map(_holds_a_module, argument)))


def parameters_in_words(module: Module) -> str:
    """Return how many parameters a Module has, and how many of them are frozen, in words.

    >>> from autograd import nn
    >>> model = nn.MLP(2, [3, 1])
    >>> parameters_in_words(model)
    '13 parameters'
    >>> model.layers[0].freeze()
    Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)] (frozen)
    >>> parameters_in_words(model)
    '13 parameters, 9 of them frozen'
    """
    n, frozen = numbers_of_parameters(module)
    return counted(n, "parameter") + (f", {frozen:,} of them frozen" if frozen else "")


def frozen_in_words(module: Module) -> str:
    """Return whether parameters of a Module are frozen, for the end of a line; "" if none is.

    >>> from autograd import nn
    >>> layer = nn.Layer(1, 2)
    >>> _ = layer.neurons[0].freeze()
    >>> frozen_in_words(layer), frozen_in_words(layer.freeze())
    (' (2 of 4 parameters frozen)', ' (frozen)')
    """
    n, frozen = numbers_of_parameters(module)
    return (" (frozen)" if frozen == n else f" ({frozen:,} of {counted(n, 'parameter')} frozen)") if frozen else ""


def _difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Describe how the names in a file differ from those of a network."""
    sides = [("lacks", ours, set(theirs)), ("also has", theirs, set(ours))]
    differing = [(what, [name for name in names if name not in others]) for what, names, others in sides]
    parts = [f"{what} {_first(names)}" for what, names in differing if names]
    return f"it has {counted(len(theirs), 'parameter')}, this network {len(ours):,}: it {and_joined(parts)}"


def _about_state(module: Module, theirs: Iterable[str]) -> str:
    """Say which of the names in a file are of attributes that calls have assigned, for the end of a message."""
    states = states_of(module)
    found = [x for x in states if any(re.fullmatch(rf"{re.escape(x)}(\d.*|\..*)?", name, re.DOTALL) for name in theirs)]
    are = "are" if len(found) > 1 else "is"
    return f". Calls have assigned {_first(found)} since, which {are} state, not parameters" if found else ""


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(map(visible, names if len(names) <= 4 else names[:3]))
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 3:,} more"


# Constants -----------------------------------------------------------------------------------------------------------


class Constant(ConstantHints, Module):
    """Numbers of a model that training does not change: its file has them, but they are no parameters.

    For means and scales of data, running statistics, and what a model keeps from one call to the next. In a call,
    assign new ones to `value`, or to its elements. A compiled graph takes them as they were when it was recorded, so a
    model that changes them in each call is trained with `backend="eager"`.

    Arguments:
        value: a number, or nested lists of numbers. Values among them are kept as they are, leaves or results; a leaf
            that is assigned to a Constant is no parameter, whatever else holds it.

    Raises:
        TypeError: they are not.

    >>> class Centred(Module):
    ...     def __init__(self):
    ...         self.mean, self.scale = Constant([1.0, 2.0]), Value(0.5)
    ...     def __call__(self, xs):
    ...         return [self.scale * (x - m) for x, m in zip(xs, self.mean.value)]
    >>> model = Centred()
    >>> [y.data for y in model([2.0, 4.0])]
    [0.5, 1.0]
    >>> [name for name, _ in model.named_parameters()]
    ['scale']
    >>> model.mean.value = [0.0, 0.0]
    >>> model.mean.value[1] = 4.0
    >>> model.mean
    Constant([0.0, 4.0])
    """

    __slots__ = ("_nest", "_has_values")
    _kept: ClassVar[str] = "_nest"

    def __init__(self, value: Any) -> None:
        self.value = value

    def _made(self) -> None:
        """Label nothing: a Module around it has names for what it keeps."""

    @property
    def value(self) -> Any:
        """What was assigned, or has been loaded; arrays and tuples as lists, whose elements may be assigned, too."""
        return self._nest

    @value.setter
    def value(self, value: Any) -> None:
        self._nest = tree_map(lambda x: x if type(x) is Value else number(x), tree_lists(value))
        self._has_values = any(type(x) is Value for x in tree_leaves(self._nest))

    def load_leaves(self, numbers: Sequence[float]) -> None:
        """Put numbers in place of its own, and leaves in place of results, from left to right; its leaves stay."""
        pairs = zip(tree_leaves(self._nest), numbers)
        loaded = [y if type(x) is not Value else x if x.op is None else Value(y, x.label) for x, y in pairs]
        self._nest = tree_filled(self._nest, loaded)

    def __repr__(self) -> str:
        return printable(f"{type(self).__name__}({self.value})")
