"""Pair samples with their targets, check that they fit each other, and split them into batches."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, NamedTuple

from autograd.losses import NumberedOtherwiseError
from autograd.samples.rows import Samples, by_shape, read, samples
from autograd.samples.tables import Labels, Other, Refusal, labels_of, number_of_samples, sequences_of_text, variable
from autograd.trees import tree_filled, tree_leaves, tree_lists, tree_shape

Learn = Callable[[Any, Any, Any], Any]
"""(parameters, xs, ys) -> loss, gradients and accuracy of a batch."""
Batch = tuple[Learn, Any, Any, float]
"""The function of a step, inputs and targets, and their share of the epoch. (A NamedTuple takes ten times as long.)"""


class Form(NamedTuple):
    """The form in which a function takes the inputs and the targets of a batch."""

    arrays: bool = False
    """True for NumPy arrays, False for lists."""
    alone: bool = False
    """True if a batch, of size 1, is the sample itself, not a list with one sample."""
    x_nest: Any = None
    y_nest: Any = None
    """The nesting of a sample's inputs, and of its target, where the function takes their numbers in a flat list."""

    def some(self, xs: Any, ys: Any, most: int, rng: random.Random) -> tuple[Any, Any]:
        """Return the samples of a batch, or a random choice of `most` of them, in the same form."""
        if self.alone or len(xs) <= most:
            return xs, ys
        chosen = sorted(rng.sample(range(len(xs)), most))
        return (xs[chosen], ys[chosen]) if self.arrays else ([xs[i] for i in chosen], [ys[i] for i in chosen])

    def samples(self, xs: Any, ys: Any) -> list[tuple[Any, Any]]:
        """Return the inputs and the target of each sample of a batch, in lists."""
        if self.arrays:
            xs, ys = xs.tolist(), ys.tolist()
        pairs = [(xs, ys)] if self.alone else list(zip(xs, ys))
        if self.x_nest is self.y_nest is None:
            return pairs
        return [(_nested(x, self.x_nest), _nested(y, self.y_nest)) for x, y in pairs]


def _nested(numbers: Any, nest: Any) -> Any:
    return numbers if nest is None else tree_filled(nest, numbers)


@dataclass(frozen=True)
class Dataset:
    """Inputs, with a target for each."""

    xs: Samples
    ys: Samples

    def __post_init__(self) -> None:
        xs, ys = self.xs, self.ys
        if len(xs) != len(ys):
            raise ValueError(f"each sample needs a target: {xs.name} has {len(xs)} samples, {ys.name} {len(ys)}")

    def __len__(self) -> int:
        return len(self.xs)

    def sample(self, i: int) -> tuple[Any, Any]:
        """Return the inputs and the target of a sample, in lists."""
        x, y = self.xs.rows[i], self.ys.rows[i]
        return tree_lists(x), tree_lists(y)

    def name_of(self, x: Any, y: Any) -> str:
        """Return the name of a sample, by its numbers: the first that is the same."""
        i = next((i for i in range(len(self)) if self.sample(i) == (x, y)), None)
        return f"a sample of {self.xs.name}" if i is None else f"sample {self.xs.number_of(i)} of {self.xs.name}"

    def split(self, fraction: float, rng: Any) -> tuple[Dataset, Dataset]:
        """Return the samples without a fraction that is chosen at random, and that fraction, each in its old order.

        Raises:
            ValueError: the fraction is not between 0 and 1, or there are samples for one part only.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"a fraction of the samples to hold out is between 0 and 1, got {fraction}")
        order = list(range(len(self)))
        rng.shuffle(order)
        n = max(1, round(fraction * len(order)))
        if n == len(order):
            raise ValueError(f"a fraction of {fraction} leaves no sample of {n} to learn from: pass more samples")
        return self.some(sorted(order[n:])), self.some(sorted(order[:n]))

    def with_bare_targets(self) -> Dataset:
        """Return the dataset with numbers as targets, where these are a column of them."""
        return Dataset(self.xs, self.ys.out_of_column()) if self.ys.is_column() else self

    def with_codes(self, codes: list[float]) -> Dataset:
        """Return the dataset with the target that stands for each class in place of its index."""
        rows = [codes[int(i)] for i in self.ys.as_lists()]
        return Dataset(self.xs, replace(self.ys, rows=rows, like=rows[0]))

    def some(self, indices: Sequence[int]) -> Dataset:
        """Return these of the samples."""
        return Dataset(self.xs.some(indices), self.ys.some(indices))

    @property
    def scores(self) -> int:
        """The number of single scores that can be right: one for each number of each target."""
        return len(self) * len(tree_leaves(self.ys.like))

    def converted(self, convert: Callable[[list[Any]], list[Any]]) -> Dataset:
        """Return the dataset with targets converted by `convert`; its errors get the name of the targets in front.

        If `convert` only checks the targets, it returns the same list.
        """
        ys = self.ys.as_lists()
        try:
            rows = convert(ys)
        except NumberedOtherwiseError as problem:
            if self.ys.name != "ys":  # of validation, whose classes have the numbers of those to train with
                raise ValueError(f"{self.ys.name}: {problem.said}. Number its classes as those of ys") from None
            said = NumberedOtherwiseError(f"{self.ys.name}: {problem.said}", [*self.ys.listing, *problem.code])
            raise ValueError(str(said)) from None
        except (TypeError, ValueError) as problem:
            kind = TypeError if isinstance(problem, TypeError) else ValueError
            raise kind(f"{self._name_of_first(convert, str(problem))}: {problem}") from problem
        return self if rows is ys else Dataset(self.xs, replace(samples(self.ys.name, rows), numbers=self.ys.numbers))

    def _name_of_first(self, convert: Callable[[list[Any]], list[Any]], said: str) -> str:
        """Return the name of the first sample of whose target this is said, or of all targets, where it is of all."""
        for i, y in enumerate(self.ys.as_lists()):
            try:
                convert([y])
            except (TypeError, ValueError) as same:
                if str(same) == said:
                    return f"sample {self.ys.number_of(i)} of {self.ys.name}"
        return self.ys.name

    def whole(self, form: Form) -> tuple[Any, Any]:
        """Return all inputs and all targets in the form in which a function of a batch takes them."""
        xs = self.xs if form.x_nest is None else self.xs.flat()
        ys = self.ys if form.y_nest is None else self.ys.flat()
        return (xs.as_array(), ys.as_array()) if form.arrays else (xs.as_lists(), ys.as_lists())

    def by_shape(self) -> list[Dataset]:
        """Return the samples of each shape, of inputs and target, in the order in which the shapes occur first."""
        if not self.xs.several and not self.ys.several:
            return [self]
        return [Dataset(self.xs.alike(i), self.ys.alike(i)) for i in by_shape(self.xs, self.ys)]


class Feed:
    """The samples of one shape, batch by batch, in an order that is shuffled anew for each epoch of several batches.

    Arguments:
        learn: the function of a batch.
        data: the samples.
        size: the number of samples in a batch; the last one may be smaller.
        order: the indices of all samples; each epoch shuffles them again.
        form: the form in which the function takes them.
        of: the number of samples in an epoch: these, and those of other shapes.
    """

    def __init__(self, learn: Learn, data: Dataset, size: int, *, order: list[int], form: Form, of: int) -> None:
        self.learn, self.data, self.size, self.order, self.form, self.of = learn, data, size, order, form, of
        self.xs, self.ys = data.whole(form)
        self.whole = size == len(data)
        """True if there is one batch, which has all samples as they are."""

    def cuts(self, rng: Any) -> list[tuple[int, int]]:
        """Return the batches of the next epoch: for each, the place in the order of its first sample, and their number.

        Arguments:
            rng: shuffles the order, if there are several.
        """
        n = len(self.data)
        if not self.whole:
            rng.shuffle(self.order)
        return [(start, min(self.size, n - start)) for start in range(0, n, self.size)]

    def batch(self, start: int, n: int) -> Batch:
        """Return a batch of this epoch."""
        some: Any = self.order[start : start + n]
        if self.form.alone:
            return self.learn, self.xs[some[0]], self.ys[some[0]], n / self.of
        if self.whole:
            return self.learn, self.xs, self.ys, n / self.of
        if self.form.arrays:
            return self.learn, self.xs[some], self.ys[some], n / self.of
        return self.learn, [self.xs[i] for i in some], [self.ys[i] for i in some], n / self.of

    def batches(self, rng: Any) -> Sequence[Batch]:
        """Return the batches of the next epoch."""
        return [self.batch(*cut) for cut in self.cuts(rng)]


@dataclass(frozen=True)
class Data:
    """The user's data: the samples to train with, and those held out for validation, if any."""

    known: Dataset
    held_out: Dataset | None
    classes: list[str] = field(default_factory=list)
    """The names of the classes, where the targets are text: their indices are the targets."""

    @classmethod
    def of(cls, xs: Any, ys: Any, validation: Any, rng: Any, *, named: bool = False) -> Data:
        """Check the user's arguments; preparing the model checks that they fit it and the loss.

        Arguments:
            rng: chooses the samples to hold out, where `validation` is a fraction.
            named: whether the targets may be text, the names of classes.

        Raises:
            TypeError: `validation` is neither a pair nor a fraction, another argument is not a list, or an element not
                a real number.
            ValueError: there are no samples, one lacks a number, their number is not that of the targets, or the
                fraction leaves none.
        """
        known, classes = _read("", xs, ys, named)
        if validation is None:
            return cls(known, None, classes)
        if _is_fraction(validation):
            return cls(*known.split(validation, rng), classes)
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError(
                f"validation is a tuple (xs, ys), or the fraction of the samples to hold out, such as 0.2, "
                f"got {_short(validation)}"
            )
        xs, ys = validation
        like = known.xs.like
        fixed = len(like) if isinstance(like, list) else None
        held_out, _ = _read("validation ", xs, ys, bool(classes), classes=classes, fixed=fixed)
        return cls(known, held_out, classes)


def _read(
    prefix: str, xs: Any, ys: Any, named: bool, *, classes: list[str] | None = None, fixed: int | None = None
) -> tuple[Dataset, list[str]]:
    """Check inputs and targets, and return them with the names of the classes.

    Arguments:
        prefix: what their names begin with, for errors.
        named: whether the targets may be text.
        classes: the classes, where they are known.
        fixed: the number of columns in a sample, where others are given already.

    Raises:
        TypeError, ValueError: all that is wrong with both, in one error.
    """
    if ys is None:
        raise TypeError(
            f"{prefix}ys is None: each sample needs a target. For a loss that takes none, pass zeros, [0.0] * len(xs); "
            "for one that compares the output with the inputs, pass xs again"
        )
    sizes = number_of_samples(xs), number_of_samples(ys)
    paired = sizes[0] == sizes[1] or None in sizes
    x_name, y_name = f"{prefix}xs", f"{prefix}ys"
    with_ys, with_xs = (Other(variable(name), data) if paired else None for name, data in ((y_name, ys), (x_name, xs)))
    inputs = read(x_name, xs, with_ys, complete=True, several=True, fixed=fixed)
    targets = read(y_name, ys, with_xs, complete=True, several=True)
    found: Labels | Refusal | None = None
    if named and isinstance(targets, Refusal):
        found = labels_of(y_name, ys, classes, with_xs)
        if isinstance(found, Labels):
            targets = Samples(y_name, found.indices, found.indices[0])
        elif found:
            targets = found
    if isinstance(targets, Refusal) and not found:
        targets = sequences_of_text(y_name, ys) or targets
    refusals = [refusal for refusal in (inputs, targets) if isinstance(refusal, Refusal)]
    if refusals:
        raise refused(prefix, refusals)
    assert isinstance(inputs, Samples) and isinstance(targets, Samples)  # no refusal is left
    return Dataset(inputs, targets), found.classes if isinstance(found, Labels) else []


def refused(prefix: str, refusals: list[Refusal]) -> Exception:
    """Return the error for inputs and targets that are refused; of validation, it says what the code calls them."""
    coded = next((i for i, refusal in enumerate(refusals) if refusal.lines), None)
    if prefix and coded is not None:
        lines = ["# where validation=(vx, vy)", *refusals[coded].lines]
        refusals = [replace(r, lines=lines) if i == coded else r for i, r in enumerate(refusals)]
    return refusals[0].error(*refusals[1:])


def unlike(held_out: Samples, known: Samples) -> str:
    """Say that samples held out are of another shape than those to train with."""
    return f"a sample of {held_out.name} is {tree_shape(held_out.like)}, one of {known.name} {tree_shape(known.like)}"


def _is_fraction(validation: Any) -> bool:
    return isinstance(validation, Real) and not isinstance(validation, int)


def _short(x: Any) -> str:
    return f"{x!r}" if isinstance(x, Real) else type(x).__name__
