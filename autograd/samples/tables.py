"""Say what is wrong with data that are not numbers, all of it at once, and write the lines that mend it.

Data come as lists of rows, arrays, dictionaries of columns or of rows, structured arrays and DataFrames; with text,
dates, missing numbers, numbers written as text, and a header. The message names the bad samples and the columns that
hold something else, and ends in code that makes numbers of what can be numbers: columns of text are left out, and so
are samples that lack a number.
"""

from __future__ import annotations

import math
import reprlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from autograd.floats import number
from autograd.samples.cells import Conversion, as_text, conversion_of, kind_of, separator_of
from autograd.text import escaped
from autograd.trees import tree_shape, tree_structure

_SHOWN, _COLUMNS_SHOWN = 6, 8  # samples, and columns, in a message
_COLUMNS_WRITTEN = 30  # in code
_MOST_STRAY = 8  # different texts in a column of numbers; with more, it is a column of text
_BAD = ("written", "infinite", "missing", "formatted", "text", "date", "duration", "time")  # kinds of cells
_LACKING = ("missing", "infinite")  # of which no code makes numbers


@dataclass(frozen=True)
class Refusal:
    """Why data cannot be taken, and what to write instead."""

    kind: type[Exception]
    said: str
    lines: Sequence[str] = ()
    """Code that makes data to take of `xs` and `ys`."""

    def error(self, *others: Refusal) -> Exception:
        """Return the exception for this refusal and for others that a call meets at once.

        Lines of code follow each other: each leaves samples and targets that fit.
        """
        refusals = [self, *others]
        code = [line for refusal in refusals for line in refusal.lines]
        text = "\n".join(refusal.said for refusal in refusals)
        if code:
            text += "\nWrite" + "".join(f"\n    {line}" for line in code)
        return next((r.kind for r in refusals if r.kind is not ValueError), ValueError)(escaped(text))


class Other(NamedTuple):
    """The other argument of a call, whose samples belong to those that are refused."""

    name: str
    data: Any
    """None where the call has not got them."""


class _Column(NamedTuple):
    """What a column of the user's data holds."""

    name: Any
    """A key or an index; None where each sample is a single number."""
    kinds: list[str]
    """Of each cell, as `kind_of` returns it."""
    cells: list[Any]
    conversion: Conversion | None
    """How its text or dates become numbers, where that is known."""

    @classmethod
    def of(cls, name: Any, cells: list[Any]) -> _Column:
        kinds = list(map(kind_of, cells))
        return cls(name, kinds, cells, conversion_of(cells, kinds))

    def holds(self, *kinds: str) -> list[int]:
        return [i for i, kind in enumerate(self.kinds) if kind in kinds]

    @property
    def is_numeric(self) -> bool:
        """True if most of it are numbers, so that the others are missing ones."""
        count = Counter(self.kinds)
        strays = {str(self.cells[i]) for i in self.holds("text")}
        numbers = count["number"] + count["written"] + count["infinite"]
        if self.conversion:
            numbers += sum(count[kind] for kind in ("formatted", "date", "duration", "time"))
        return numbers > 0 and 2 * numbers >= sum(count.values()) - count["missing"] and len(strays) <= _MOST_STRAY


def refusal_of(
    name: str, data: Any, other: Other | None = None, *, read: bool = False, fixed: int | None = None
) -> Refusal:
    """Return what to say about data in which something is not a number, or missing.

    Arguments:
        name: the argument's name, "xs" or "ys".
        data: what the user has passed.
        other: the other of the two. A column that is equal to it is left out.
        read: True if the data are what an iterator has yielded, so that the user has to make another one.
        fixed: the number of columns that the model takes already, 0 if it is unknown: none of them can be left out.
    """
    if read:
        refusal = refusal_of(name, data, other, fixed=fixed)
        return replace(refusal, lines=[anew(variable(name)), *refusal.lines] if refusal.lines else [])
    table = _table(data)
    if table is None:
        return _without_columns(name, data)
    names, rows = table
    width = Counter(filter(None, map(len, rows))).most_common(1)[0][0]
    if any(len(row) != width for row in rows):
        return _ragged(name, rows, width, other, fixed)
    columns = [_Column.of(key, cells) for key, cells in zip(names or [None], map(list, zip(*rows)))]
    separator = separator_of(columns[0].cells) if len(columns) == 1 else ""
    if separator:
        return _unseparated(name, data, columns[0], separator)
    others = [(i, column) for column in columns for i in column.holds("other")]
    if others:
        return _strange(name, *min(others, key=lambda found: found[0]), len({i for i, _ in others}), len(rows))
    targets = None if other is None or other.data is None else list(map(_as_text, _listed(other.data)))
    same = [c.name for c in columns if names and targets and list(map(_as_text, c.cells)) == targets]
    return _described(name, data, columns, same, other=other, fixed=fixed)


def _unseparated(name: str, data: Any, column: _Column, separator: str) -> Refusal:
    """Refuse the lines of a file whose columns have not been told apart."""
    decimal = separator != "," and any("," in as_text(x) for x in column.cells)
    if hasattr(data, "iloc"):
        comma = ", decimal=','" if decimal else ""
        how = f"pandas.read_csv(..., sep={separator!r}{comma})"
    else:
        how = f"csv.reader(file, delimiter={separator!r})"
    return Refusal(
        TypeError,
        f"{name} has one column whose cells hold {separator!r}: {_example(column.cells[0])}. Read the file with {how}",
    )


def _described(
    name: str, data: Any, columns: list[_Column], same: list[Any], *, other: Other | None, fixed: int | None
) -> Refusal:
    n, var = len(columns[0].cells), variable(name)
    bad = sorted({i for column in columns for i in column.holds(*_BAD)})
    held = {kind for column in columns for kind in column.kinds}
    missing_only = held <= {"number", *_LACKING}
    what = (
        "lack a number"
        if missing_only and "infinite" not in held
        else "are not finite"
        if missing_only and "missing" not in held
        else "lack a number or are not finite"
        if missing_only
        else "are no numbers"
        if columns[0].name is None
        else "do not consist of numbers"
    )
    said = [f"{name}: {len(bad):,} of {n:,} samples {what} ({_numbers(bad)})"]
    if isinstance(data, Mapping) or (isinstance(data, (list, tuple)) and isinstance(data[0], Mapping)):
        kind = f"a {type(data).__name__} of columns" if isinstance(data, Mapping) else "a list of dictionaries"
        said = [f"{name} is {kind}: samples are lists of numbers"]
    found = [line for column in columns if (line := _said_of(column))]
    said += [f"    {line}" for line in found[:_COLUMNS_SHOWN]]
    if len(found) > _COLUMNS_SHOWN:
        said.append(f"    and {len(found) - _COLUMNS_SHOWN} more columns")
    error = ValueError if missing_only and not _is_dictionary(data) else TypeError
    kept = [column for column in columns if column.is_numeric and column.name not in same]
    if fixed is not None and fixed in (0, len(columns)):
        if not name.endswith("ys"):
            said.append("The model takes all its columns, as numbers")
        bad_rows = {i for column in columns for i in column.holds("text", *_LACKING)}
        if any(column.holds("text") and not column.is_numeric for column in columns) or len(bad_rows) == n:
            return Refusal(error, "\n".join([*said[:-1], f"{said[-1]}: pass those with which it was trained"]))
        kept = columns
    alone = len(columns) == 1 and (columns[0].name is None or name.endswith("ys"))
    if not kept and alone and set(columns[0].kinds) == {"text"}:
        classes = [f"classes = sorted(set({var}))", f"{var} = [classes.index(x) for x in {var}]"]
        classes = [*listing(name, data), *classes]
        hint = " A loss for classes, such as nn.cross_entropy, takes their names" if name.endswith("ys") else ""
        return Refusal(TypeError, "\n".join(said) + ". Classes have numbers." + hint, classes)
    if not kept:
        advice = "A date becomes a number as the days since the first one, a class as its index among the classes"
        if not any(column.holds(*_BAD) != column.holds(*_LACKING) for column in columns):
            advice = "There is nothing to learn from: pass numbers"
        return Refusal(TypeError, "\n".join([*said, advice]))
    chosen = _chosen(var, data, columns, kept)
    if hasattr(data, "iloc"):
        lines = _pandas_lines(var, data, chosen, columns, kept=kept, other=other)
    else:
        lines = _lines(var, data, chosen, kept, other)
    if len(kept) < len(columns) and var == "xs" and fixed is None:  # a model was made for more
        place = next(i for i, line in enumerate(lines) if chosen in line or ".iloc[:, " in line)
        lines[place] += f"  # the model takes {len(kept)} input{'s' * (len(kept) != 1)}"
    texts = [
        c
        for c in columns
        if c.name is not None and not c.is_numeric and c.holds("text") and len(set(map(str, c.cells))) <= 10
    ]
    if texts:
        first = texts[0]
        value = first.cells[first.holds("text")[0]]
        said.append(
            f"A column of a few classes, such as {first.name!r}, can become a column of 0 and 1 for each of them: "
            f"float(x == {value!r})"
        )
    return Refusal(error, "\n".join(said), lines)


def _as_text(x: Any) -> str:
    """Return a cell as text, by which the targets are recognised among the inputs, written as numbers or not."""
    if isinstance(x, (list, tuple)) and len(x) == 1:  # of a column
        return _as_text(x[0])
    return str(float(x)) if kind_of(x) in ("number", "written") else str(x)


def _is_dictionary(data: Any) -> bool:
    return isinstance(data, Mapping) or (isinstance(data, (list, tuple)) and isinstance(data[0], Mapping))


def _said_of(column: _Column) -> str:
    """Describe what in a column is not a number; "" if all are."""
    where = "it" if column.name is None else f"column {column.name!r}"
    if not column.is_numeric:
        kinds = {"text": "text", "formatted": "text", "date": "dates", "duration": "durations", "time": "times"}
        for kind, what in {**kinds, "missing": "nothing"}.items():
            held = column.holds(kind)
            if held:
                return f"{where} holds {what}: {_example(column.cells[held[0]])}"
        return ""
    strays, missing, written = column.holds("text"), column.holds("missing"), column.holds("written")
    converted, infinite = column.holds("formatted", "date", "duration", "time"), column.holds("infinite")
    parts = []
    if converted and column.conversion:
        parts.append(f"holds {column.conversion.said}: {_example(column.cells[converted[0]])}")
        written = []
    if written:
        parts.append(f"holds numbers as text: {_example(column.cells[written[0]])}")
    if missing:
        shown = _example(column.cells[missing[0]])
        parts.append(f"lacks {len(missing):,} number{'s' * (len(missing) != 1)}: {_numbers(missing)} ({shown})")
    parts += [f"holds {_example(column.cells[found[0]])}: {_numbers(found)}" for found in (infinite, strays) if found]
    return f"{where} {' and '.join(parts)}" if parts else ""


def _strange(name: str, i: int, column: _Column, bad: int, n: int) -> Refusal:
    """Refuse what no advice of this page helps with: a Value, a complex number."""
    where = "" if column.name is None else f", column {column.name!r}"
    more = f" ({bad:,} of {n:,} samples are such)" if bad > 1 else ""
    try:
        number(column.cells[i])
    except (TypeError, OverflowError) as problem:
        return Refusal(type(problem), f"{name}, sample {i}{where}: {problem}{more}")
    raise AssertionError(f"{column.cells[i]!r} is a number")


def _without_columns(name: str, data: Any) -> Refusal:
    """Refuse nested data of more than one dimension, or what is no table."""
    if isinstance(data, (list, tuple)) or getattr(data, "shape", None):
        shapes = Counter(str(tree_structure(row)) for row in data)
        if len(shapes) > 1:
            odd = [i for i, row in enumerate(data) if tree_structure(row) != tree_structure(data[0])]
            return Refusal(
                ValueError,
                f"the samples in {name} differ in shape: the first is {tree_shape(data[0])}, "
                f"number {odd[0]} {tree_shape(data[odd[0]])}{_more(odd)}",
            )
        bad = []
        for i, row in enumerate(data):
            problem = _first_problem(row)
            if problem:
                bad.append((i, problem))
        i, problem = bad[0]
        kind = TypeError if isinstance(problem, str) else type(problem)
        said = f"{name}, sample {i}: {problem}"
        return Refusal(kind, said + (f" ({len(bad):,} of {len(data):,} samples are such)" if len(bad) > 1 else ""))
    shown = "" if isinstance(data, (Mapping, set, frozenset)) else f" {reprlib.repr(data)}"
    return Refusal(
        TypeError, f"{name} is a list or an array with an entry for each sample, got {type(data).__name__}{shown}"
    )


def _first_problem(row: Any) -> Exception | None:
    """Return the error for the first number in a nested sample that is none, or is missing."""
    if isinstance(row, (list, tuple)):
        return next(filter(None, map(_first_problem, row)), None)
    try:
        data = number(row)
        if math.isnan(data):
            return ValueError("a number is missing (nan): leave the sample out")
        return ValueError(f"a number is not finite ({data}): leave the sample out") if math.isinf(data) else None
    except (TypeError, OverflowError) as problem:
        return problem


def _ragged(name: str, rows: list[list[Any]], width: int, other: Other | None, fixed: int | None) -> Refusal:
    odd = [i for i, row in enumerate(rows) if len(row) != width]
    rest = [row for row in rows if len(row) == width]
    first = next(i for i in range(len(rows)) if len(rows[i]) != len(rows[0]))
    var = variable(name)
    lines = [f"good = [i for i in range(len({var})) if len({var}[i]) == {width}]"]
    lines += _assigned(var, f"[{var}[i] for i in good]", other)
    said = (
        f"the samples in {name} differ in shape: the first is {tree_shape(rows[0])}, "
        f"number {first} {tree_shape(rows[first])}; {len(odd):,} of {len(rows):,} have not {width} ({_numbers(odd)})"
    )
    if all(kind_of(x) == "number" for row in rest for x in row):
        return Refusal(ValueError, said, lines)
    others = refusal_of(name, rest, other, fixed=fixed)
    return Refusal(ValueError, f"{said}. Of the others,\n{others.said}", [*lines, *others.lines])


# Classes -------------------------------------------------------------------------------------------------------------


class Labels(NamedTuple):
    """Targets that are the names of classes."""

    classes: list[str]
    """The names in order."""
    indices: list[float]
    """The class of each sample."""


def labels_of(name: str, data: Any, classes: Sequence[str] | None, other: Other | None) -> Labels | Refusal | None:
    """Number the classes of targets that are text; None if they are not.

    Arguments:
        name, data, other: as for `refusal_of`.
        classes: the classes, where they are known; else they are those that occur, in the order of the alphabet.

    >>> labels_of("ys", ["cat", "dog", "cat"], None, None)
    Labels(classes=['cat', 'dog'], indices=[0.0, 1.0, 0.0])
    """
    table = _table(data)
    if table is None or any(len(row) != 1 for row in table[1]):
        return None
    labels = [as_text(row[0]) if isinstance(row[0], bytes) else row[0] for row in table[1]]
    missing = [i for i, x in enumerate(labels) if (not x.strip() or x == "nan" if isinstance(x, str) else _lacks(x))]
    named = [i for i, x in enumerate(labels) if isinstance(x, str) and i not in set(missing)]
    if not named or separator_of([labels[i] for i in named]):
        return None
    kinds = {kind_of(labels[i]) for i in named}
    if "formatted" in kinds and kinds <= {"formatted", "written"}:  # prices are no classes
        return None
    others = sorted({*range(len(labels))}.difference(missing, named))
    if missing or others:
        var, lines, said = variable(name), list[str](), list[str]()
        if missing:
            said = [f"{name}: {len(missing):,} of {len(labels):,} samples have no class ({_numbers(missing)})"]
            said = [f"{said[0]}: {_example(labels[missing[0]])}"]
            lines = _lines_with_a_class(var, data, sorted({str(labels[i]) for i in missing}), other)
        if others:
            said.append(
                f"{name} has names of classes, such as {_example(labels[named[0]])}, and {len(others):,} samples with "
                f"something else: {_example(labels[others[0]])} ({_numbers(others)})"
            )
            lines += [*listing(name, data), f"{var} = [str(y) for y in {var}]"]
        return Refusal(TypeError, "\n".join(said), lines)
    present = [labels[i] for i in named]
    known = sorted(set(map(str, present))) if classes is None else list(classes)
    indices = {label: float(i) for i, label in enumerate(known)}
    unknown = [i for i, label in enumerate(labels) if label not in indices]
    if unknown:
        return Refusal(
            ValueError, f"{name} has the class {_example(labels[unknown[0]])}, which ys has not ({_numbers(unknown)})"
        )
    return Labels(known, [indices[label] for label in labels])


def _lacks(x: Any) -> bool:
    return kind_of(x) == "missing"


def sequences_of_text(name: str, data: Any) -> Refusal | None:
    """Refuse targets that are lists of the names of classes, with the code that numbers these; None for others.

    >>> print(sequences_of_text("ys", [["verb", "noun"], ["noun"]]).error())
    ys has lists of text. Names of classes are numbered where each sample has one; number these yourself
    Write
        classes = sorted({name for y in ys for name in y})
        ys = [[classes.index(name) for name in y] for y in ys]
    """
    rows = _listed(data)
    if not rows or not all(isinstance(row, (list, tuple)) and all(isinstance(x, str) for x in row) for row in rows):
        return None
    if all(len(row) == 1 for row in rows) or not any(kind_of(x) == "text" for row in rows for x in row):
        return None
    var = variable(name)
    said = f"{name} has lists of text. Names of classes are numbered where each sample has one; number these yourself"
    known = f"classes = sorted({{name for y in {var} for name in y}})"
    return Refusal(TypeError, said, [known, f"{var} = [[classes.index(name) for name in y] for y in {var}]"])


def _lines_with_a_class(name: str, data: Any, strays: list[str], other: Other | None) -> list[str]:
    """Write the code that leaves out the samples without a class."""
    if hasattr(data, "iloc"):
        whole = ".all(axis=1)" if hasattr(data, "columns") else ""
        good = f"good = ({name}.notna() & ~{name}.isin({strays})){whole}.to_numpy()"
        return [good, *_assigned_of_pandas(name, other)]
    rows = _listed(data)
    label = f"{name}[i][0]" if isinstance(rows[0], list) else f"{name}[i]"
    lacks = f"!= {strays[0]!r}" if len(strays) == 1 else f"not in {tuple(strays)}"
    good = f"good = [i for i in range(len({name})) if str({label}) {lacks}]"
    return [good, *_assigned(name, f"[{name}[i] for i in good]", other)]


# Lines of code -------------------------------------------------------------------------------------------------------


def _chosen(name: str, data: Any, columns: list[_Column], kept: list[_Column]) -> str:
    """Write the list of the columns to keep: their names, or where there are many, all but those that are left out."""
    names = [column.name for column in kept]
    left_out = [column.name for column in columns if column.name not in names]
    if len(names) <= _COLUMNS_WRITTEN:
        return f"{names}"
    if isinstance(data, Mapping) or hasattr(data, "iloc"):
        every = name
    elif hasattr(data, "dtype") and data.dtype.names:
        every = f"{name}.dtype.names"
    else:
        keys = f"dict.fromkeys(key for row in {name} for key in row)"
        every = keys if isinstance(data[0], Mapping) else f"range({len(columns)})"
    return f"[c for c in {every} if c not in {left_out}]" if left_out else f"list({every})"


def _lines(name: str, data: Any, chosen: str, kept: list[_Column], other: Other | None) -> list[str]:
    """Write the code that takes these columns of rows as numbers, without the samples that lack one."""
    bare = kept[0].name is None
    lines = []
    if hasattr(data, "__array__") and not hasattr(data, "tolist"):
        lines.append(f"{name} = {name}.__array__().tolist()")  # of a library that we do not know
    if not bare:
        lines.append(f"columns = {chosen}")
    cell = f"{name}[i]" if bare else f"{name}[c][i]" if isinstance(data, Mapping) else f"{name}[i][c]"
    if not bare and isinstance(data, (list, tuple)) and isinstance(data[0], Mapping):
        cell = f"{name}[i].get(c)"  # a dictionary may lack a key
    converted = {c.name: c.conversion.code for c in kept if c.conversion}
    if bare:
        every = f"float({converted[None](cell) if converted else cell})"
    elif converted:
        functions = ", ".join(f"{key!r}: lambda x: float({code('x')})" for key, code in converted.items())
        lines.append(f"numbers = {{{functions}}}")
        every = f"[numbers.get(c, float)({cell}) for c in columns]"
    else:
        every = f"[float({cell}) for c in columns]"
    size = f"len({name}[columns[0]])" if isinstance(data, Mapping) else f"len({name})"
    strays = sorted({str(c.cells[i]) for c in kept for i in c.holds("text", *_LACKING)})
    if not strays:
        return [*lines, f"{name} = [{every} for i in range({size})]"]
    lacks = f"!= {strays[0]!r}" if len(strays) == 1 else f"not in {tuple(strays)}"
    test = f"str({cell}) {lacks}" if bare else f"all(str({cell}) {lacks} for c in columns)"
    lines.append(f"good = [i for i in range({size}) if {test}]")
    return [*lines, *_assigned(name, f"[{every} for i in good]", other)]


def _assigned(name: str, of_good: str, other: Other | None) -> list[str]:
    """Write the assignment of the good samples, and of their counterparts."""
    if other is None:
        return [f"{name} = {of_good}"]
    if isinstance(other.data, Iterator):
        return [
            f"{name}, {other.name} = {of_good}, list(map(list({other.name}).__getitem__, good))  # of a new iterator"
        ]
    if other.data is None:  # not seen here, and there may be none
        return [f"{name} = {of_good}", f"# if there are targets: {other.name} = [{other.name}[i] for i in good]"]
    access = f"{other.name}.iloc[good]" if hasattr(other.data, "iloc") else f"[{other.name}[i] for i in good]"
    return [f"{name}, {other.name} = {of_good}, {access}"]


def _assigned_of_pandas(name: str, other: Other | None) -> list[str]:
    """Write the same of a DataFrame or a Series, where `good` says of each sample whether it is."""
    if other is None:
        return [f"{name} = {name}[good]"]
    theirs = f"{other.name}[good]"
    if not hasattr(other.data, "__array__"):
        theirs = f"[y for y, ok in zip({other.name}, good) if ok]"
    if other.data is None:
        return [f"{name} = {name}[good]", f"# if there are targets: {other.name} = {theirs}"]
    return [f"{name}, {other.name} = {name}[good], {theirs}"]


def _pandas_lines(
    name: str, data: Any, chosen: str, columns: list[_Column], *, kept: list[_Column], other: Other | None
) -> list[str]:
    """Write the same for a DataFrame or a Series of pandas."""
    table = name if kept[0].name is None else f"{name}[{chosen}]"
    if len({str(column.name) for column in columns}) < len(columns):
        table = f"{name}.iloc[:, {[i for i, column in enumerate(columns) if any(column is k for k in kept)]}]"
    lines, bare = list[str](), kept[0].name is None
    converted = [column for column in kept if column.conversion]
    if converted:
        if not bare or table != name:
            lines.append(f"{name} = {table}.copy()")
            table = name
        lines += [_of_series(name, name if bare else f"{name}[{c.name!r}]", c, data) for c in converted]
    strays: list[Any] = sorted(
        {str(c.cells[i]) for c in kept for i in c.holds("missing", "text", "infinite") if isinstance(c.cells[i], str)}
    )
    shown = list(map(repr, strays))
    if any(c.holds("infinite") for c in kept):
        shown += ["float('inf')", "float('-inf')"]
    replaced = f".replace([{', '.join(shown)}], None)" if shown else ""
    objects = [c for c in kept if bare or getattr(getattr(data.get(c.name), "dtype", None), "kind", "") == "O"]
    if any(type(c.cells[i]).__name__ == "NAType" for c in objects for i in c.holds("missing")):
        replaced += ".fillna(float('nan'))"  # an object that float(...) refuses
    lines.append(f"{name} = {table}{replaced}.astype(float)")
    if any(column.holds("text", *_LACKING) for column in kept):
        lines.append(f"good = {name}.notna(){'' if bare else '.all(axis=1)'}.to_numpy()")
        lines += _assigned_of_pandas(name, other)
    return lines


def _of_series(name: str, series: str, column: _Column, data: Any) -> str:
    """Write the code that makes numbers of a Series."""
    conversion = column.conversion
    assert conversion is not None  # the caller has chosen these
    dtype = getattr(data if series == name else data[column.name], "dtype", None)
    if conversion.of_series and getattr(dtype, "kind", "") in ("m", "M"):
        return f"{series} = {conversion.of_series(series)}"
    return f"{series} = {series}.map(lambda x: {conversion.code('x')}, na_action='ignore')"


# Reading tables ------------------------------------------------------------------------------------------------------


def _table(data: Any) -> tuple[list[Any] | None, list[list[Any]]] | None:
    """Return the names of the columns and the rows of a table; no names where samples are single numbers, bare.

    None where it is nested further, or no table.
    """
    if isinstance(data, Mapping):
        columns = list(map(_listed, data.values()))
        if not columns or any(len(column) != len(columns[0]) for column in columns) or not columns[0]:
            return None
        return list(data), list(map(list, zip(*columns)))
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names:
        return list(names), [list(row) for row in data.tolist()]
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return list(data.columns), [list(row) for row in data.itertuples(index=False, name=None)]
    rows = _listed(data)
    if not rows:
        return None
    if all(isinstance(row, Mapping) for row in rows):
        keys = list(dict.fromkeys(key for row in rows for key in row))
        return keys, [[row.get(key) for key in keys] for row in rows]
    if not any(isinstance(row, (list, tuple)) for row in rows):
        return None, [[x] for x in rows]
    if all(isinstance(row, (list, tuple)) and not any(isinstance(x, (list, tuple)) for x in row) for row in rows):
        width = max(map(len, rows))
        return list(range(width)), list(map(list, rows))
    return None


def _listed(data: Any) -> list[Any]:
    """Return data as a list with an entry for each sample; [] for what is no list."""
    shape: Any = getattr(data, "shape", None)
    if hasattr(data, "tolist") and shape:
        kind = getattr(getattr(data, "dtype", None), "kind", "O")
        return list(data) if kind in "mM" else list(data.tolist())
    if hasattr(data, "__array__") and not hasattr(data, "tolist"):
        return _listed(data.__array__())
    return list(data) if isinstance(data, (list, tuple, range)) else []


def number_of_samples(data: Any) -> int | None:
    """Return the number of samples in data; None where that cannot be seen without reading an iterator."""
    if isinstance(data, Mapping):
        data = next(iter(data.values()), None)
    return len(data) if hasattr(data, "__len__") and getattr(data, "shape", True) else None


def listing(name: str, data: Any) -> list[str]:
    """Write the code that makes a list of single numbers, or texts, of a column; none where data are such a list.

    NumPy's arrays of one dimension count as such a list, and so do Series.

    >>> listing("ys", [1, 2]), listing("ys", [[1], [2]])
    ([], ['ys = [row[0] for row in ys]'])
    """
    var = variable(name)
    if hasattr(data, "iloc"):
        return [f"{var} = {var}.iloc[:, 0]"] if hasattr(data, "columns") else []
    if not hasattr(data, "__array__"):
        return [f"{var} = [row[0] for row in {var}]"] if _is_row(data[0]) else []
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names:
        return [f"{var} = {var}[{names[0]!r}]"]
    if type(data).__module__ == "numpy" and data.ndim == 1:
        return []
    array = "" if hasattr(data, "tolist") and hasattr(data, "reshape") else ".__array__()"
    return [f"{var} = {var}{array}.reshape(-1).tolist()"]


def _is_row(x: Any) -> bool:
    return hasattr(x, "__len__") and not isinstance(x, (str, bytes))


def anew(name: str) -> str:
    """Write the code that begins with another iterator."""
    return f"{name} = list({name})  # of a new iterator: this one has been read"


def variable(name: str) -> str:
    """Return what data are called in code.

    >>> variable("xs"), variable("validation xs")
    ('xs', 'vx')
    """
    return {"validation xs": "vx", "validation ys": "vy"}.get(name, name.rsplit(maxsplit=1)[-1])


# Words ---------------------------------------------------------------------------------------------------------------


def _numbers(indices: Sequence[int]) -> str:
    shown = ", ".join(map(str, indices[:_SHOWN]))
    return f"sample{'s' * (len(indices) != 1)} {shown}{', ...' if len(indices) > _SHOWN else ''}"


def _more(indices: Sequence[int]) -> str:
    return f" ({_numbers(indices)} differ)" if len(indices) > 1 else ""


def _example(x: Any) -> str:
    return reprlib.repr(str(x) if isinstance(x, str) else x)
