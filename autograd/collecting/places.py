"""Name the places of the parts of a model: as paths, `layer1.neuron3.weight2`, and as they are written in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from autograd.collecting.kinds import Holding, Key, Step, part_name
from autograd.engine import Value
from autograd.text import quoted

Entry = tuple[Any, Any]
"""A part, after its place."""
Place = tuple[Any, ...]
"""A part's place: (the entry of its container, which all its parts share, the step from there); () for the root."""


def steps_to(place: Place) -> list[Step]:
    steps = []
    while place:
        (place, _), step = place
        steps.append(step)
    return steps[::-1]


def with_names(leaves: Sequence[Entry]) -> Iterator[tuple[str, Value]]:
    """Yield each leaf with its name, `layer1.neuron3.weight2`, or where that is another's, its expression in Python."""
    names = names_of(leaves)
    if len(set(names)) < len(names):
        times = Counter(names)
        names = [x if times[x] == 1 else expression(place).lstrip(".") for x, (place, _) in zip(names, leaves)]
    for name, (_, p) in zip(names, leaves):
        yield name, p


def names_of(leaves: Sequence[Entry]) -> list[str]:
    names, known = [], dict[int, str]()
    last, before = None, ""
    for (container, step), _ in leaves:
        if container is not last:
            last, before = container, name_of(container, known)
        names.append(joined(before, container, step))
    return names


def is_part_of(label: str, name: str) -> bool:
    """Return True if a label is the end of a name: that of a leaf in a Module around the one that labelled it.

    >>> is_part_of("neuron1.bias", "layer2.neuron1.bias"), is_part_of("bias", "layer2.slope_bias")
    (True, False)
    """
    return name == label or name.endswith((f".{label}", f".{label}1"))  # in a lone neuron a single weight has no number


def name_of(entry: Entry, known: dict[int, str]) -> str:
    """Return the name of a container; the names of those around it are added to the known ones, by id."""
    unknown = []
    while entry[0] and id(entry) not in known:
        unknown.append(entry)
        entry = entry[0][0]
    name = known.get(id(entry), "")
    for inner in reversed(unknown):
        name = known[id(inner)] = joined(name, *inner[0])
    return name


def joined(name: str, container: Entry, step: Step) -> str:
    if isinstance(step, int):
        return f"{name}.{step + 1}" if name[-1:].isdigit() else f"{name}{step + 1}"
    called = _text(step) if isinstance(step, Key) else part_name(container[1], step)
    return f"{name}.{called}" if name else called


def _text(entry: Key) -> str:
    """Return the text of a key; where that differs from run to run, the number of the entry."""
    return str(entry.key) if _is_constant(entry.key) else str(entry.position)


def _is_constant(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_constant, key))
    shown: Any = type(key).__repr__
    return not isinstance(key, (Value, Holding)) and shown is not object.__repr__


def expression(place: Place) -> str:
    """Return a place as it is written in Python after the name of the model: `.layers[0].neurons[2].w[1]`."""
    return "".join(
        f".{step}" if isinstance(step, str) else f"[{step if isinstance(step, int) else quoted(step.key)}]"
        for step in steps_to(place)
    )
