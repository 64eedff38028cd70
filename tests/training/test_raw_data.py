"""Data as people have it: iris, penguins, mpg, titanic and house prices as they come from a file.

The tables are made here, with the columns of the published ones, their kinds and what they lack: classes as text,
numbers as text, missing numbers, dates, bools. What a beginner types first either trains, or is answered by one error
or warning whose code, pasted, then works: in the end the model has learned what there is to learn.
"""

from __future__ import annotations

import csv
import datetime
import importlib
import io
import math
import random
import re
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from needs import EAGER_AND_COMPILED, lacking

from autograd import DivergenceError, TrainingWarning, fit, nn, optim
from autograd.samples.rows import samples

Row = dict[str, Any]


def iris(rng: random.Random) -> Row:
    """Return a flower: a row of Fisher's table in the UCI repository (1936), whose file has no header."""
    kind = rng.randrange(3)
    sizes = [(5.0, 3.4, 1.5, 0.2), (5.9, 2.8, 4.3, 1.3), (6.6, 3.0, 5.6, 2.0)][kind]
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    measured = {name: round(rng.gauss(size, 0.2), 1) for name, size in zip(names, sizes)}
    return {**measured, "species": ["Iris-setosa", "Iris-versicolor", "Iris-virginica"][kind]}


def penguin(rng: random.Random) -> Row:
    """Return a penguin: a row of palmerpenguins (Horst, Hill and Gorman 2020), which lacks some measures and sexes."""
    kind = rng.randrange(3)
    sizes = [(38.8, 18.3, 190, 3700), (48.8, 18.4, 196, 3730), (47.5, 15.0, 217, 5080)][kind]
    sex, lacks = rng.choice(["male", "female"]), rng.random() < 0.1
    factor = 1.1 if sex == "male" else 0.9
    measured = [None if lacks else round(rng.gauss(factor * size, size / 30), 1) for size in sizes]
    return {
        "species": ["Adelie", "Chinstrap", "Gentoo"][kind],
        "island": rng.choice(["Biscoe", "Dream", "Torgersen"]),
        **dict(zip(("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"), measured)),
        "sex": None if lacks else sex,
        "year": rng.choice([2007, 2008, 2009]),
    }


def car(rng: random.Random) -> Row:
    """Return a car: a row of Auto MPG (Quinlan 1993, UCI), where a question mark stands for an unknown horsepower."""
    power = rng.randrange(50, 200)
    return {
        "mpg": round(40 - power / 8 + rng.gauss(0, 1), 1),
        "cylinders": rng.choice([4, 6, 8]),
        "displacement": round(power * 1.9, 1),
        "horsepower": "?" if rng.random() < 0.1 else power,
        "weight": power * 25,
        "acceleration": round(rng.gauss(15, 2), 1),
        "model_year": rng.randrange(70, 83),
        "origin": rng.choice(["usa", "europe", "japan"]),
        "name": f"car {rng.randrange(10**6)}",
    }


def passenger(rng: random.Random) -> Row:
    """Return a passenger: a row of the Titanic's list as Kaggle has it, with many ages and cabins unknown."""
    kind = rng.randrange(1, 4)
    return {
        "PassengerId": rng.randrange(10**3),
        "Survived": int(rng.random() < (0.95, 0.5, 0.05)[kind - 1]),
        "Pclass": kind,
        "Name": f"Somebody, Mr. {rng.randrange(10**6)}",
        "Sex": rng.choice(["male", "female"]),
        "Age": None if rng.random() < 0.2 else float(rng.randrange(1, 80)),
        "SibSp": rng.randrange(3),
        "Parch": rng.randrange(3),
        "Ticket": f"A/5 {rng.randrange(10**5)}",
        "Fare": round(rng.uniform(*((60, 500), (20, 60), (7, 20))[kind - 1]), 4),
        "Cabin": None if rng.random() < 0.8 else f"C{rng.randrange(100)}",
        "Embarked": rng.choice("SCQ"),
    }


def house(rng: random.Random) -> Row:
    """Return a house: a row of the sales in King County (2014 to 2015), with dates and large numbers."""
    size = rng.randrange(600, 4000)
    return {
        "date": f"2014-{rng.randrange(5, 13):02}-{rng.randrange(1, 29):02} 00:00:00",
        "price": float(size * 250 + rng.randrange(50_000)),
        "bedrooms": rng.randrange(1, 6),
        "bathrooms": rng.randrange(4, 12) / 4,
        "sqft_living": size,
        "waterfront": rng.random() < 0.1,
        "yr_built": rng.randrange(1900, 2015),
        "zipcode": rng.randrange(98001, 98200),
        "city": rng.choice(["Seattle", "Kent", "Renton"]),
    }


class Task:
    """A table, the column to predict, how a beginner trains for it, and what is the right result.

    Arguments:
        right: the accuracy that is reached at least; of numbers, the share of their variance that is explained.
    """

    def __init__(self, make: Callable[[random.Random], Row], target: str, loss: str, *, right: float) -> None:
        rng = random.Random(1)
        self.rows = [make(rng) for _ in range(60)]
        self.target, self.loss, self.right = target, loss, right
        self.outputs = 3 if loss == "cross_entropy" else 1

    def written(self, missing: str = "") -> list[dict[str, str]]:
        """Return the rows as they come from a file: all text."""
        return [{name: missing if x is None else str(x) for name, x in row.items()} for row in self.rows]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    @property
    def others(self) -> list[str]:
        return [name for name in self.rows[0] if name != self.target]


TASKS = {
    "iris": Task(iris, "species", "cross_entropy", right=0.9),
    "penguins": Task(penguin, "species", "cross_entropy", right=0.85),
    "penguins, sex": Task(penguin, "sex", "binary_cross_entropy", right=0.9),
    "mpg": Task(car, "mpg", "mse", right=0.9),
    "titanic": Task(passenger, "Survived", "binary_cross_entropy", right=0.75),
    "house prices": Task(house, "price", "mse", right=0.5),
}


def csv_rows(task: Task) -> Any:
    """Return what `csv.DictReader` reads: a list of dictionaries of text."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(task.rows[0]))
    writer.writeheader()
    writer.writerows(task.rows)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def structured(task: Task) -> Any:
    """Return what `numpy.genfromtxt(..., names=True, dtype=None)` returns: a structured array, nan where it lacks."""
    fields, columns = [], []
    for name in task.rows[0]:
        column = [math.nan if x is None or x == "?" else x for x in task.column(name)]
        text = any(isinstance(x, str) for x in column)
        array = np.array(["" if isinstance(x, float) else x for x in column] if text else column)
        fields.append((name, array.dtype))
        columns.append(array)
    return np.array(list(zip(*columns)), dtype=fields)


def pandas() -> Any:
    if not find_spec("pandas"):
        lacking("pandas is not installed", extra=True)
    return importlib.import_module("pandas")  # without its types, which mypy would look for


def frame(task: Task, *, text: bool = False) -> Any:
    """Return what `pandas.read_csv` returns."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(task.rows[0]))
    writer.writeheader()
    writer.writerows(task.rows)
    file.seek(0)
    return pandas().read_csv(file, dtype=str if text else None)


# What a beginner passes as xs and ys: whole tables, and some of their columns.
FORMS: dict[str, Callable[[Task], tuple[Any, Any]]] = {
    "rows of csv.DictReader": lambda t: (csv_rows(t), [row[t.target] for row in csv_rows(t)]),
    "dictionaries": lambda t: (t.rows, t.column(t.target)),
    "a tuple of dictionaries": lambda t: (tuple(t.rows), tuple(t.column(t.target))),
    "lists": lambda t: ([[row[name] for name in t.others] for row in t.rows], t.column(t.target)),
    "lists of text": lambda t: ([[row[name] for name in t.others] for row in t.written()], csv_column(t)),
    "a dictionary of columns": lambda t: ({name: t.column(name) for name in t.others}, t.column(t.target)),
    "a dictionary of arrays": lambda t: ({n: np.array(t.column(n)) for n in t.others}, np.array(t.column(t.target))),
    "an array of objects": lambda t: (
        np.array([[row[name] for name in t.others] for row in t.rows], dtype=object),
        np.array(t.column(t.target), dtype=object),
    ),
    "an array of text": lambda t: (
        np.array([[row[name] for name in t.others] for row in t.written()]),
        np.array(csv_column(t)),
    ),
    "a structured array": lambda t: (structured(t)[t.others], structured(t)[t.target]),
    "a whole structured array": lambda t: (structured(t), structured(t)[t.target]),
    "a column of targets": lambda t: (
        [[row[name] for name in t.others] for row in t.rows],
        [[y] for y in t.column(t.target)],
    ),
}
TABLES: dict[str, Callable[[Task], tuple[Any, Any]]] = {
    "a DataFrame": lambda t: (frame(t)[t.others], frame(t)[t.target]),
    "a whole DataFrame": lambda t: (frame(t), frame(t)[t.target]),
    "a DataFrame with a table of targets": lambda t: (frame(t)[t.others], frame(t)[[t.target]]),
    "a DataFrame of text": lambda t: (frame(t, text=True)[t.others], frame(t, text=True)[t.target]),
    "a DataFrame of some rows": lambda t: (frame(t)[t.others][10:], frame(t)[t.target][10:]),
    "a DataFrame and a list": lambda t: (frame(t)[t.others], t.column(t.target)),
    "lists and a Series": lambda t: ([[row[n] for n in t.others] for row in t.rows], frame(t)[t.target]),
}
"""The same of pandas."""


def csv_column(task: Task) -> list[str]:
    return [row[task.target] for row in task.written()]


def code(text: str) -> str:
    """Return the code in the message of an error."""
    return "\n".join(line.removeprefix("    ") for line in re.split("[\n ][Ww]rite\n", text)[1].splitlines())


def takes_the_numbers(task: Task, form: str, xs: Any, ys: Any) -> None:
    """Assert that `fit` takes the numbers of the complete rows, and the classes by name; at last, with its advice."""
    options: Row = {"loss": task.loss, "optimizer": "sgd", "epochs": 0, "progress": False, "backend": "eager"}
    names: Row = {"xs": xs, "ys": ys}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit(nn.MLP(len(task.others), [4, task.outputs]), xs, ys, **options)
        except (TypeError, ValueError) as problem:
            assert len(str(problem)) < 2500
            exec(code(str(problem)), names)
        text = form == "rows of csv.DictReader" or form.endswith("of text")
        rows = task.rows[10:] if "some rows" in form else task.rows
        complete = [row for row in rows if numbers_of(row, task, text) is not None]
        used = names["xs"], names["ys"]
        assert len(used[0]) == len(used[1]) == len(complete)
        taken = samples("xs", used[0]).as_lists()
        assert taken == [numbers_of(row, task, text) for row in complete]
        history = fit(nn.MLP(len(taken[0]), [4, task.outputs]), *used, **options)
    classes = sorted({str(row[task.target]) for row in complete})
    assert history.classes in (classes, [])
    assert (history.classes == classes) or not isinstance(task.rows[0][task.target], str)
    large = max(x for row in taken for x in row) > 100
    assert {type(w.message) for w in caught} == ({TrainingWarning} if large else set())


@pytest.mark.slice
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TASKS)
def test_the_numbers_are_taken_or_the_error_says_how(name: str, form: str) -> None:
    takes_the_numbers(TASKS[name], form, *FORMS[form](TASKS[name]))


@pytest.mark.parametrize("form", TABLES)
def test_the_numbers_of_tables_are_taken_or_the_error_says_how(form: str) -> None:
    for task in TASKS.values():
        takes_the_numbers(task, form, *TABLES[form](task))


def follow(task: Task, xs: Any, ys: Any) -> tuple[Row, list[str]]:
    """Run a beginner's lines again and again, with the code of the one message pasted each time, until there is none.

    Returns the variables, and the messages.
    """
    names: Row = {"xs": xs, "ys": ys, "nn": nn, "fit": fit}
    model = f"model = nn.MLP({len(task.others)}, [6, {task.outputs}])"
    train = f"history = fit(model, xs, ys, loss={task.loss!r}, optimizer='sgd', epochs=150, batch_size=10"
    messages = list[str]()
    while len(messages) < 4:
        random.seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", TrainingWarning)  # a beginner may stop and read it
            try:
                exec(f"{model}\n{train}, progress=False, backend='numpy')", names)
                break
            except (TypeError, ValueError, DivergenceError, TrainingWarning) as problem:
                advice = str(problem)
        messages.append(advice)
        if "\nWrite\n" in advice:  # before the data are used
            exec(code(advice), names)
            inputs = re.search(r"# the model takes (\d+) input", advice)
            model = model.replace(f"MLP({len(task.others)}", f"MLP({inputs[1]}") if inputs else model
        elif "model = " in advice:  # in place of the model
            model = advice[advice.index("model = ") :]
        else:
            exec(advice[advice.index("ys = [") :].split(". The parameters", maxsplit=1)[0], names)
    return names, messages


def has_learned(task: Task, xs: Any, ys: Any) -> None:
    """Assert that a beginner gets the right result, or one message at a time whose advice leads there."""
    names, messages = follow(task, xs, ys)
    starts = [re.match(r"(xs|ys|the loss became)", text) for text in messages]
    assert all(starts) and len(set(messages)) == len(messages) <= 3
    model, targets = names["model"], np.array(names["ys"]).ravel().tolist()
    outputs = np.array(model.predict(names["xs"]))
    if task.loss == "mse":
        wanted = np.array(targets, dtype=float)
        assert 1 - np.mean((outputs - wanted) ** 2) / np.var(wanted) > task.right
        return
    indices = outputs.argmax(axis=1) if task.outputs > 1 else (outputs > 0).astype(int)
    found = [model.classes[i] if model.classes else i for i in indices.tolist()]
    right = np.mean([one == other for one, other in zip(found, targets)])
    assert right > task.right
    assert right > max(map(targets.count, targets)) / len(targets) + 0.2  # the share of the largest class
    assert list(model.classes) == (sorted(set(targets)) if isinstance(targets[0], str) else [])


@pytest.mark.slice
@pytest.mark.parametrize("form", ["lists", "rows of csv.DictReader", "an array of objects"])
@pytest.mark.parametrize("name", TASKS)
def test_three_lines_of_a_beginners_train_or_one_message_says_how(name: str, form: str) -> None:
    has_learned(TASKS[name], *FORMS[form](TASKS[name]))


@pytest.mark.parametrize("name", TASKS)
def test_three_lines_with_a_table_train_or_one_message_says_how(name: str) -> None:
    has_learned(TASKS[name], *TABLES["a DataFrame"](TASKS[name]))


def numbers_of(row: Row, task: Task, text: bool) -> list[float] | None:
    """Return the numbers among the inputs of a row; None if it lacks one, or its target.

    Arguments:
        text: whether the row came as text, of which "True" is not a number.
    """
    texts = {"species", "island", "sex", "origin", "name", "Name", "Sex", "Ticket", "Cabin", "Embarked", "date", "city"}
    inputs = [row[name] for name in task.others if name not in texts]
    if any(x is None or x == "?" for x in (*inputs, row[task.target])):
        return None
    return [float(x) for x in inputs if not (text and isinstance(x, bool))]


def message(xs: Any, ys: Any, **options: Any) -> str:
    """Return the error of `fit` for these data."""
    defaults: dict[str, Any] = {"loss": "mse", "optimizer": "sgd", "epochs": 0, "progress": False}
    with pytest.raises((TypeError, ValueError)) as caught:
        fit(nn.MLP(2, [3, 1]), xs, ys, **(defaults | options))
    return str(caught.value)


@pytest.mark.parametrize("missing", [None, math.nan, "", "NA", "?", np.float64("nan")])
@pytest.mark.parametrize("arrays", [False, True])
def test_all_bad_rows_are_named_at_once(missing: Any, arrays: bool) -> None:
    """How many, the first few, and the column; before training."""
    xs: Any = [[float(i), i / 2] for i in range(40)]
    for i in (3, 7, 8, 20, 21, 22, 30, 39):
        xs[i][1] = missing
    xs[25][0] = missing
    text = message(np.array(xs, dtype=object if isinstance(missing, str) else None) if arrays else xs, [1.0] * 40)
    assert "xs: 9 of 40 samples" in text
    assert "(samples 3, 7, 8, 20, 21, 22, ...)" in text
    assert "column 0 lacks 1 number: sample 25 (" in text
    assert "column 1 lacks 8 numbers: samples 3, 7, 8, 20, 21, 22, ... (" in text


def test_errors_in_inputs_and_targets_come_together() -> None:
    xs, ys = [[1.0, math.nan], [2.0, 3.0], [4.0, 5.0]], ["1.5", "", "2"]
    text = message(xs, ys)
    assert "xs: 1 of 3 samples lack a number (sample 0)" in text
    assert "ys: 3 of 3 samples" in text
    names: Row = {"xs": xs, "ys": ys}
    exec(code(text), names)
    assert (names["xs"], names["ys"]) == ([[4.0, 5.0]], [2.0])


def test_bad_validation_data_have_their_name() -> None:
    good = [[1.0, 2.0]] * 3, [1.0] * 3
    assert message(*good, validation=([[1.0, None]], [1.0])).startswith("validation xs: 1 of 1 samples lack a number")
    assert message(*good, validation=([[1.0, 2.0]], [math.nan])).startswith("validation ys: 1 of 1 samples")


@pytest.mark.slice(most=3)
@pytest.mark.parametrize(
    "xs",
    [
        {i: float(i) for i in range(100_000)},
        {f"column {i}": [1.0, 2.0] for i in range(5_000)},
        {float(i) for i in range(100_000)},
        "x" * 100_000,
        [{f"column {i}": "text" for i in range(5_000)}] * 2,
        [[f"text {i}" for i in range(5_000)]] * 2,
    ],
)
def test_an_error_is_short_however_much_data_there_is(xs: Any) -> None:
    text = message(xs, [1.0, 2.0])
    assert len(text) < 1500
    assert text.startswith("xs")


@pytest.mark.parametrize("left_out", [[], ["column 7"]])
@pytest.mark.parametrize("form", ["columns", "rows", "lists", "structured", "a DataFrame"])
def test_many_columns_are_chosen_by_those_to_leave_out(form: str, left_out: list[str]) -> None:
    names = [f"column {i}" for i in range(50)]
    rows = [{name: "text" if name in left_out else float(i) for name in names} for i in range(3)]
    rows[1]["column 3"] = math.nan
    xs: Any = rows
    if form == "columns":
        xs = {name: [row[name] for row in rows] for name in names}
    elif form == "lists":
        xs = [list(row.values()) for row in rows]
    elif form == "structured":
        fields = [(name, "U4" if name in left_out else float) for name in names]
        xs = np.array([tuple(row.values()) for row in rows], dtype=fields)
    elif form == "a DataFrame":
        xs = pandas().DataFrame(rows)
    used: Row = {"xs": xs, "ys": [1.0, 2.0, 3.0]}
    text = message(xs, used["ys"])
    assert len(text) < 1000
    assert f"column {3 if form == 'lists' else 'column 3'!r} lacks 1 number: sample 1 (nan)" in text
    exec(code(text), used)
    expected = [[float(i)] * (50 - len(left_out)) for i in (0, 2)]
    assert (samples("xs", used["xs"]).as_lists(), list(used["ys"])) == (expected, [1.0, 3.0])


@pytest.mark.parametrize("targets", [list, iter, np.array])
def test_rows_of_an_iterator_are_read_from_a_new_one(targets: Any) -> None:
    """`csv.DictReader` itself is one."""
    file = "a,b,y\n1,2,3\n4,?,6\n7,8,9\n"
    text = message(csv.DictReader(io.StringIO(file)), targets([3.0, 6.0, 9.0]))
    names: Row = {"xs": csv.DictReader(io.StringIO(file)), "ys": targets([3.0, 6.0, 9.0])}
    exec(code(text), names)
    kept = [[1.0, 2.0, 3.0], [7.0, 8.0, 9.0]] if targets is iter else [[1.0, 2.0], [7.0, 8.0]]  # ys is a column of it
    assert (names["xs"], names["ys"]) == (kept, [3.0, 9.0])


def test_targets_of_an_iterator_that_do_not_fit_are_left_alone() -> None:
    text = message(iter([{"a": 1.0}, {"a": None}]), [1.0, 2.0, 3.0])
    assert "ys" not in code(text)


def test_a_file_with_a_header_and_an_empty_line() -> None:
    """As `csv.reader` reads it."""
    rows = [["a", "b"], ["1", "2"], ["3", "4"], [], ["5", "6"]]
    text = message(rows, [0.0, 1.0, 2.0, 3.0, 4.0])
    assert "1 of 5 have not 2 (sample 3)" in text
    names: Row = {"xs": rows, "ys": [0.0, 1.0, 2.0, 3.0, 4.0]}
    exec(code(text), names)
    assert (names["xs"], names["ys"]) == ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [1.0, 2.0, 4.0])


def test_numbers_in_a_structured_array_are_taken() -> None:
    rows = [(1, 2.5, True), (3, 4.5, False)]
    table = np.array(rows, dtype=[("a", int), ("b", float), ("c", bool)])
    assert samples("xs", table).as_lists() == [[1.0, 2.5, 1.0], [3.0, 4.5, 0.0]]


@pytest.mark.parametrize("make", [list, np.array, "a DataFrame"])
def test_infinities_are_named_before_training_with_code(make: Any) -> None:
    rows, targets = [[1.0, 2.0], [3.0, math.inf], [4.0, 5.0], [6.0, 7.0]], [1.0, 2.0, -math.inf, 3.0]
    pair = (pandas().DataFrame, pandas().Series) if make == "a DataFrame" else (make, make)
    xs, ys = pair[0](rows), pair[1](targets)
    text = message(xs, ys)
    assert "xs: 1 of 4 samples are not finite (sample 1)" in text and "holds inf: sample 1" in text
    assert "ys: 1 of 4 samples are not finite (sample 2)" in text
    names: Row = {"xs": xs, "ys": ys}
    exec(code(text), names)
    assert np.array(names["xs"]).tolist() == [[1.0, 2.0], [6.0, 7.0]] and list(names["ys"]) == [1.0, 3.0]
    text = message(names["xs"], names["ys"], validation=(xs, ys))
    assert "validation xs: 1 of 4" in text and "validation ys: 1 of 4" in text
    held_out: Row = {"vx": xs, "vy": ys}
    exec(code(text), held_out)
    assert np.array(held_out["vx"]).tolist() == [[1.0, 2.0], [6.0, 7.0]] and list(held_out["vy"]) == [1.0, 3.0]
    with pytest.raises(ValueError, match="xs: 1 of 4 samples are not finite") as caught:
        nn.Standardize.of(xs)
    names = {"xs": xs}
    exec(code(str(caught.value)), names)
    assert nn.Standardize.of(names["xs"]).mean == pytest.approx([11 / 3, 14 / 3])
    text = message([[1.0, math.nan], *rows], [0.0, *targets])
    assert "xs: 1 of 5 samples lack" in text or "xs: 2 of 5 samples lack a number or are not finite" in text


def test_infinities_that_mask_something_are_taken() -> None:
    class Masked(nn.Neuron):
        def __call__(self, inputs: Any) -> Any:
            return super().__call__(inputs[:1]) + inputs[1].exp()  # nothing of -inf

    xs = [[1.0, -math.inf], [2.0, -math.inf]]
    history = fit(Masked(1, "linear"), xs, [0.0, 1.0], loss="mse", optimizer="sgd", epochs=2, progress=False)
    assert math.isfinite(history.losses[-1])


# ---------------------------------------------------------------------------------- what the model takes already


@pytest.mark.parametrize("form", ["lists", "an array of objects", "a DataFrame"])
@pytest.mark.parametrize("missing", ["?", None, math.nan])
def test_bad_validation_rows_leave_the_training_data_and_the_columns_alone(form: str, missing: Any) -> None:
    make: Any = {"lists": list, "an array of objects": lambda rows: np.array(rows, dtype=object)}.get(form)
    good, targets = [[1.0, 2.0], [2.0, 3.0], [5.0, 1.0]], [1.0, 3.0, 2.0]
    vx = (make or pandas().DataFrame)([[1.0, missing], [2.0, 3.0], [missing, missing]])
    names: Row = {"xs": good, "ys": targets, "vx": vx, "vy": [7.0, 8.0, 9.0]}
    exec(code(message(good, targets, validation=(vx, names["vy"]))), names)
    assert names["xs"] is good and names["ys"] is targets
    assert (np.array(names["vx"]).tolist(), list(names["vy"])) == ([[2.0, 3.0]], [8.0])
    assert message(good, targets, validation=([[1.0, None]], [1.0])).endswith("pass those with which it was trained")
    wider = [["a", 1.0, 2.0], ["b", None, 4.0], ["c", 5.0, 6.0]]  # the table from which those were chosen
    text = message(good, targets, validation=(wider, targets))
    names = {"vx": wider, "vy": targets}
    exec(code(text), names)
    assert names["vx"] == [[1.0, 2.0], [5.0, 6.0]] and "the model takes" not in text


@pytest.mark.parametrize("form", ["lists", "a DataFrame"])
def test_predict_keeps_the_columns(form: str) -> None:
    model = nn.MLP(2, [3, 1])
    missing = [None, "?", *([pandas().NA] if find_spec("pandas") else [])]
    for bad in missing:
        rows = [[1.0, 2.0], [3.0, bad], [5.0, bad]]
        names: Row = {"xs": rows if form == "lists" else pandas().DataFrame(rows, dtype=object)}
        with pytest.raises(ValueError, match="The model takes all its columns, as numbers") as caught:
            model.predict(names["xs"])
        assert "the model takes 1" not in str(caught.value)
        exec(code(str(caught.value)), names)
        assert len(model.predict(names["xs"])) == 1
    with pytest.raises(TypeError, match=r"as numbers: pass those with which it was trained$"):
        model.predict([["a", 1.0], ["b", 2.0]])


# --------------------------------------------------------------------------------------------- files read otherwise


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_file_that_was_read_as_one_column(separator: str) -> None:
    lines = [separator.join(("7.4", "0.7", "5", kind)) for kind in ("red", "white")] * 4
    for xs in ([[line] for line in lines], lines, [line.encode() for line in lines], np.array(lines)):
        for loss in ("mse", "cross_entropy"):
            text = message(xs, lines, loss=loss)
            assert f"xs has one column whose cells hold {separator!r}" in text
            assert f"ys has one column whose cells hold {separator!r}" in text
            assert f"csv.reader(file, delimiter={separator!r})" in text and "classes" not in text
    table = pandas().DataFrame({separator.join("abcd"): lines})
    assert f"pandas.read_csv(..., sep={separator!r})" in message(table, [1.0] * 8)
    table = pandas().DataFrame({"a": [line.replace(".", ",") for line in lines]})
    assert f"sep={separator!r}, decimal=',')" in message(table, [1.0] * 8)


def test_names_of_classes_may_hold_a_semicolon() -> None:
    model = nn.Neuron(1, "linear")
    fit(model, [0.0, 1.0], ["a;b", "c;d"], loss="hinge", optimizer="sgd", epochs=0, progress=False)
    assert list(model.classes) == ["a;b", "c;d"]


FORMATTED = [
    (["1,5", "2", "30,25", "4"], [1.5, 2.0, 30.25, 4.0], "a decimal comma"),
    (["1,500", "2,250.5", "300", "4"], [1500.0, 2250.5, 300.0, 4.0], "a comma between thousands"),
    (["$1", "-$2.5", "$3,000", "$4"], [1.0, -2.5, 3000.0, 4.0], "the sign of a currency"),
    (["1.500,5 €", "2 €", "3,5 €", "4 €"], [1500.5, 2.0, 3.5, 4.0], "a decimal comma"),
    (["5%", "7.5%", "8 %", "9%"], [5.0, 7.5, 8.0, 9.0], "a percent sign"),
    (["1 500", "2", "3", "4"], [1500.0, 2.0, 3.0, 4.0], "between thousands"),
    (["1,5", 2.0, 3, "4,5"], [1.5, 2.0, 3.0, 4.5], "a decimal comma"),
    ([b"1,5", b"2,5", b"3", b"4"], [1.5, 2.5, 3.0, 4.0], "a decimal comma"),
    ([datetime.date(2024, 5, day) for day in (1, 2, 3, 5)], [0.0, 1.0, 2.0, 4.0], "dates"),
    ([datetime.timedelta(seconds=s) for s in (1, 2, 3, 5)], [1.0, 2.0, 3.0, 5.0], "durations"),
    ([datetime.time(1, s) for s in (1, 2, 3, 5)], [3660.0, 3720.0, 3780.0, 3900.0], "times"),
    (list(np.array([1, 2, 3, 5], "M8[D]")), [1.0, 2.0, 3.0, 5.0], "dates"),
    (list(np.array([1, 2, 3, 5], "m8[m]")), [60.0, 120.0, 180.0, 300.0], "durations"),
]


@pytest.mark.parametrize("cells, expected, said", FORMATTED)
def test_numbers_in_other_forms_are_named_and_converted(cells: Any, expected: Any, said: str) -> None:
    """As inputs and as targets, for losses that take classes, too: prices are none."""

    def days(numbers: Any) -> list[float]:
        """Return dates from the first one on."""
        numbers = [float(x) for x in numbers]
        return [x - numbers[0] for x in numbers] if expected[0] == 0 else numbers

    other, targets = [1.0, 2.0, 3.0, 4.0], [0.0, 7.0, 1.0, 2.0]
    rows = [list(pair) for pair in zip(cells, other)]
    for xs in (rows, [dict(zip("ab", row)) for row in rows], {"a": cells, "b": other}):
        names: Row = {"xs": xs, "ys": targets}
        text = message(xs, targets)
        assert said in text
        exec(code(text), names)
        assert days(row[0] for row in names["xs"]) == expected
        assert [row[1] for row in names["xs"]] == other
    for ys in (cells, [[y] for y in cells]):
        for loss in ("mse", "cross_entropy"):
            names = {"ys": ys}
            text = message([[x] for x in other], ys, loss=loss)
            assert said in text and "Classes have numbers" not in text
            exec(code(text), names)
            assert days(np.array(names["ys"]).ravel()) == expected
    rows[2][0] = None
    names = {"xs": rows, "ys": targets}
    exec(code(message(rows, targets)), names)
    assert days(row[0] for row in names["xs"]) == [*expected[:2], expected[3]] and names["ys"] == [0.0, 7.0, 2.0]


@pytest.mark.parametrize("cells, expected, said", FORMATTED[:7])
@pytest.mark.parametrize("missing", [None, "?"])
def test_numbers_in_other_forms_in_tables(cells: Any, expected: Any, said: str, missing: Any) -> None:
    table = pandas().DataFrame({"a": [*cells, missing], "b": [1.0, 2.0, 3.0, 4.0, 5.0]})
    names: Row = {"xs": table, "ys": table["a"]}
    text = message(table, table["a"])
    exec(code(text), names)
    assert said in text and list(names["ys"]) == expected and names["xs"]["b"].tolist() == [1.0, 2.0, 3.0, 4.0]
    names = {"xs": table, "ys": [0.0, 7.0, 1.0, 2.0, 4.0]}
    exec(code(message(**names)), names)
    assert names["xs"].to_numpy().tolist() == [list(row) for row in zip(expected, [1.0, 2.0, 3.0, 4.0])]


def test_dates_in_tables_become_days_and_durations_seconds() -> None:
    pd = pandas()
    dates = [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-03"), pd.NaT, pd.Timestamp("2024-01-04")]
    table = pd.DataFrame({"a": dates, "b": pd.to_timedelta([1, 2, 3, 4], unit="h"), "c": [1.0, 2.0, 3.0, 4.0]})
    names: Row = {"xs": table, "ys": [0.0, 1.0, 2.0, 3.0]}
    exec(code(message(**names)), names)
    assert names["xs"].to_numpy().tolist() == [[0.0, 3600.0, 1.0], [2.0, 7200.0, 2.0], [3.0, 14400.0, 4.0]]
    assert names["ys"] == [0.0, 1.0, 3.0]


# ------------------------------------------------------------------------------------------------------ classes by name

ANIMALS = ["dog", "cat", "emu", "dog", "emu", "cat"]
PLACES = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [1.2, 0.1], [-0.8, -1.1], [0.1, 1.2]]


@pytest.mark.slice
@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, lambda ys: [[y] for y in ys], lambda ys: np.array([[y] for y in ys], dtype=object)],
)
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_classes_are_numbered_in_order_and_come_back_by_name(make: Callable[[Any], Any], backend: str) -> None:
    runs = []
    for ys in (make(ANIMALS), ["cat dog emu".split().index(animal) for animal in ANIMALS]):
        model = nn.MLP(2, [4, 3], "tanh", rng=random.Random(0))
        history = fit(
            model, PLACES, ys, loss=nn.cross_entropy, optimizer=optim.Adam(0.1), epochs=60, progress=False,
            backend=backend, validation=(PLACES[:2], ys[:2]),
        )  # fmt: skip
        runs.append((history, [p.data for p in model.parameters()]))
    assert runs[0][1] == runs[1][1]
    assert runs[0][0].to_dict() == runs[1][0].to_dict()
    assert runs[0][0].classes == ["cat", "dog", "emu"]
    assert runs[1][0].classes == []
    scores = [[z.data for z in model(x)] for x in PLACES]
    assert [runs[0][0].classes[row.index(max(row))] for row in scores] == ANIMALS


@pytest.mark.parametrize("loss, low", [(nn.hinge, -1), (nn.binary_cross_entropy, 0)])
def test_two_classes_by_name(loss: Any, low: float) -> None:
    named = ["yes", "no", "no", "yes", "no", "no"]
    numbers = []
    for ys in (named, [1 if y == "yes" else low for y in named]):
        model = nn.Neuron(2, "linear", weights=[0.5, -0.25])
        history = fit(model, PLACES, ys, loss=loss, optimizer="sgd", epochs=3, progress=False, backend="python")
        numbers.append([p.data for p in model.parameters()])
        assert history.classes == (["no", "yes"] if ys is named else [])
    assert numbers[0] == numbers[1]


def test_a_loss_of_your_own_numbers_classes() -> None:
    @nn.loss(classes=lambda output, names: [10.0 * i for i in range(len(names))])
    def own(output: Any, target: Any) -> Any:
        return (output - target) ** 2

    model = nn.Neuron(1, "linear", weights=[0.0])
    history = fit(model, [0.0], ["b"], loss=own, optimizer="sgd", epochs=1, progress=False, validation=([1.0], ["b"]))
    assert (history.classes, history.losses) == (["b"], [0.0])


@pytest.mark.parametrize(
    "ys, options, expected",
    [
        (ANIMALS, {"loss": "binary_cross_entropy"}, "tells two classes apart, got 3: 'cat', 'dog', 'emu': pass loss="),
        (ANIMALS, {"loss": "hinge"}, "tells two classes apart, got 3"),
        (["a"] * 6, {"loss": "hinge"}, "there is one class only, 'a'"),
        (["a"] * 6, {"loss": "cross_entropy"}, "there is one class only, 'a'"),
        ([0, 1] * 3, {"loss": "cross_entropy"}, "has 1 output, .* there are 2: 0, 1: pass loss='binary_cross_entropy'"),
        ([0, 1, 2] * 2, {"loss": "cross_entropy"}, "has 1 output, .* there are 3: 0, 1, 2: make a model with 3"),
        ([0, 1, 2] * 2, {"loss": "binary_cross_entropy"}, "two classes apart, got 3: 0, 1, 2: pass loss=nn.cross_entr"),
        ([0, 1, 2] * 2, {"loss": "hinge"}, "two classes apart, got 3: 0, 1, 2: pass loss=nn.cross_entropy"),
        (["a", 1] * 3, {"loss": "hinge"}, r"such as 'a', and 3 samples with something else: 1 .*str\(y\) for y in ys"),
        (ANIMALS, {"loss": "cross_entropy"}, "the model has 1 output, and needs one for each class"),
        (["a", "", "b", "a", None, "b"], {"loss": "hinge"}, r"ys: 2 of 6 samples have no class \(samples 1, 4\): ''"),
        (["a", "b", math.nan, "a", "a", "b"], {"loss": "hinge"}, r"ys: 1 of 6 samples have no class \(sample 2\): nan"),
        (
            ["a", "b"] * 3,
            {"loss": "hinge", "validation": (PLACES[:1], ["c"])},
            r"validation ys has the class 'c', which ys has not \(sample 0\)",
        ),
        (
            ANIMALS,
            {"loss": "mse"},
            "it holds text: 'dog'.*A loss for classes, such as nn.cross_entropy, takes their names",
        ),
    ],
)
def test_classes_that_do_not_fit(ys: Any, options: Any, expected: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"(?s){expected}"):
        fit(nn.Neuron(2), PLACES, ys, optimizer="sgd", epochs=1, progress=False, **options)


@pytest.mark.parametrize("columns", [2, 40])
def test_dictionaries_that_lack_a_key(columns: int) -> None:
    whole = {f"k{i}": float(i) for i in range(columns)}
    xs: Any = [{"k0": 3.0}, whole, {**whole, "k1": 4.0}]
    ys: Any = [0.0, 1.0, 2.0]
    model = nn.Neuron(columns, "linear", rng=random.Random(0))
    with pytest.raises(TypeError, match="a list of dictionaries") as caught:
        fit(model, xs, ys, loss="mse", optimizer="sgd", epochs=1, progress=False)
    names = {"xs": xs, "ys": ys}
    exec(code(str(caught.value)), names)
    assert names["xs"] == [list(whole.values()), [0.0, 4.0, *list(whole.values())[2:]]]
    assert names["ys"] == [1.0, 2.0]


def test_a_column_of_nothing_gets_no_advice_for_dates_or_classes() -> None:
    for xs in ([[None], [None]], [{"a": 1, "b": None}, {"a": 2, "b": None}]):
        with pytest.raises((TypeError, ValueError), match="holds nothing") as caught:
            fit(nn.Neuron(1), xs, [0.0, 1.0], loss="mse", optimizer="sgd", epochs=1, progress=False)
        assert "date" not in str(caught.value) and "float(x ==" not in str(caught.value)


class Labelled:
    """A row as a Series of pandas: its entries have names, and `iloc` is there."""

    iloc = None

    def __init__(self, *cells: Any) -> None:
        self.cells = cells

    def __iter__(self) -> Any:
        return iter(self.cells)


@pytest.mark.parametrize("once", [False, True])
def test_pairs_of_an_index_and_a_row(once: bool) -> None:
    """As iterrows() yields them, in a list or not."""
    for cells, taken in (([4.0, 5.0, 6.0], [0, 1, 2]), ([4.0, None, 6.0], [0, 2]), (["t", "u", "t"], [0, 1, 2])):
        pairs = [(f"row {i}", Labelled(float(i), x)) for i, x in enumerate(cells)]
        text = message(iter(pairs) if once else pairs, [5.0, 6.0, 7.0])
        assert "xs has pairs of an index and a row, as iterrows() yields them: pass the DataFrame itself" in text
        names: Row = {"xs": iter(pairs) if once else pairs, "ys": [5.0, 6.0, 7.0]}
        exec(code(text), names)
        kept = [[float(i), cells[i]] if cells[0] == 4.0 else [float(i)] for i in taken]
        assert (names["xs"], names["ys"]) == (kept, [5.0 + i for i in taken])


def test_pairs_of_a_number_and_a_row() -> None:
    """A model may take such a sample; if it does not, the shape is said, and what to write."""
    xs: Any = list(enumerate([[1.0, 2.0], [3.0, 4.0]]))
    text = message(xs, [0.0, 1.0])
    names: Row = {"xs": xs}
    exec(text.rsplit(", write ", 1)[1], names)
    assert names["xs"] == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "ys",
    [
        ["u", "v", "u"],
        [["u"], ["v"], ["u"]],
        np.array(["u", "v", "u"]),
        np.array([["u"], ["v"], ["u"]]),
        np.array([("u",), ("v",), ("u",)], dtype=[("t", "U1")]),
    ],
    ids=["list", "column of lists", "array", "column", "structured"],
)
def test_a_column_of_classes_becomes_numbers_for_a_loss_that_has_none(ys: Any) -> None:
    names: Row = {"ys": ys}
    text = message([[1.0, 2.0]] * 3, ys)
    assert "A loss for classes, such as nn.cross_entropy, takes their names" in text
    exec(code(text), names)
    assert (names["classes"], names["ys"]) == (["u", "v"], [0, 1, 0])


def test_columns_of_a_table_as_targets_get_code_that_works() -> None:
    pd = pandas()
    for ys, loss in (([1, 2, 1], "binary_cross_entropy"), (["u", "v", "u"], "mse")):
        for table in (pd.DataFrame({"y": ys}), pd.Series(ys), pd.DataFrame({"y": ys}, index=[7, 3, 5])):
            names: Row = {"ys": table}
            exec(code(message([[1.0, 2.0]] * 3, table, loss=loss)), names)
            assert names["ys"] == [0, 1, 0]
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, None, 6.0]})
    names = {"xs": list(table.iterrows()), "ys": [0.0, 1.0, 2.0]}
    exec(code(message(names["xs"], names["ys"])), names)
    assert (names["xs"], names["ys"]) == ([[1.0, 4.0], [3.0, 6.0]], [0.0, 2.0])


@pytest.mark.parametrize("kind", ["rows", "columns of one name"])
def test_rows_of_a_table_and_columns_of_one_name(kind: str) -> None:
    if kind == "rows":
        table = pandas().DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, None, 6.0]})
        xs, expected = [row for _, row in table.iterrows()], [[1.0, 4.0], [3.0, 6.0]]
    else:
        xs = pandas().DataFrame([[1, "t", 4], [2, "u", None], [3, "t", 6]], columns=["a", "a", "b"])
        expected = [[1.0, 4.0], [3.0, 6.0]]
    names: dict[str, Any] = {"xs": xs, "ys": [0.0, 1.0, 2.0]}
    with pytest.raises((TypeError, ValueError), match="\nWrite\n") as caught:
        fit(nn.Neuron(2), xs, names["ys"], loss="mse", optimizer="sgd", epochs=1, progress=False)
    exec(code(str(caught.value)), names)
    assert np.array(names["xs"]).tolist() == expected
    assert names["ys"] == [0.0, 2.0]
