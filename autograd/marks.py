"""Give Modules a place for what is remembered of them beside their attributes, whatever their classes are."""

from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from autograd.hints import AbstractHintsUnlisted


class Marks(NamedTuple):
    """What is remembered of a Module beside its attributes. It is replaced, never changed: copies share it."""

    training: bool = True
    frozen: bool = False


UNMARKED = Marks()


class ModuleClass(AbstractHintsUnlisted):
    """The class of Modules' classes: it gives their instances a place for marks, and lets `forward` be called."""

    def __new__(
        mcs: type["ModuleClass"], name: str, bases: tuple[type, ...], namespace: dict[str, Any], **arguments: Any
    ) -> "ModuleClass":
        slots = namespace.get("__slots__")
        if slots and bases and not any(map(_has_a_place, bases)):
            slots = [slots] if isinstance(slots, str) else slots
            namespace["__slots__"] = {**slots, "_marks": None} if isinstance(slots, dict) else (*slots, "_marks")
        if "forward" in namespace and "__call__" not in namespace:  # it goes before the __call__ of a base
            namespace["__call__"] = _call_forward
        return super().__new__(mcs, name, bases, namespace, **arguments)

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        module = super().__call__(*arguments, **named)
        if isinstance(module, Marked):  # a class may make something else
            module._made()
        return module


def _has_a_place(base: type) -> bool:
    """Return True if instances have a dictionary, or a slot for marks."""
    return bool(base.__dictoffset__) or isinstance(getattr(base, "_marks", None), MemberDescriptorType)


def _call_forward(module: Any, *inputs: Any, **named: Any) -> Any:
    return module.forward(*inputs, **named)


def marks_of(module: Any) -> Marks:
    try:
        return cast(Marks, object.__getattribute__(module, "_marks"))  # no __getattr__ of the user's answers
    except AttributeError:  # of a class with slots
        return UNMARKED


def mark(module: Any, **changed: Any) -> None:
    marks = marks_of(module)._replace(**changed)
    if marks == marks_of(module):
        return
    try:
        object.__setattr__(module, "_marks", marks)  # past what a frozen dataclass refuses
    except AttributeError:
        name = type(module).__name__
        raise TypeError(f"{name} has no room to remember {' and '.join(changed)}: delete its __slots__ = ()") from None


class Marked(metaclass=ModuleClass):
    """An object with marks."""

    if not TYPE_CHECKING:  # to a type checker a slot, even this one, is in the way of further bases
        __slots__ = ("__weakref__",)  # even of Modules with slots: `predict` keeps by them what it compiled

    _marks = UNMARKED  # of instances that have no others

    def _made(self) -> None:
        """Do what is left to do when an instance has been made."""
