"""Write a graph as a spreadsheet of live formulas: `to_spreadsheet(output, path)`.

The form is that of the articles' spreadsheets: a column for each leaf, and for each result that is not part of
another's formula, with its value and its local, global and faux gradients; below the table, a row for each column,
which recomputes the output with that value perturbed. The training sheet has a row for each attempt. Only the input
cells hold numbers: everything else is a formula, made from the rows of the table of operations.

`to_spreadsheet` checks its arguments, `columns.py` reads the graph into columns, `gradients.py` and `training.py` write
a sheet each, and `worksheet.py` writes cells.
"""

import io
import math
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from autograd.choices import warn_of_choices
from autograd.engine import Value, graph_of
from autograd.events import unobserved
from autograd.files import check_writable, named_file, path_text, write_whole
from autograd.floats import number
from autograd.names import Names, names_of
from autograd.text import quoted
from autograd.views.limits import check_size, leaves_to_train
from autograd.views.sheet.columns import columns_of, copied_graph
from autograd.views.sheet.gradients_sheet import GradientsSheet
from autograd.views.sheet.training_sheet import TrainingSheet
from autograd.views.sheet.worksheet import COLUMNS, ROWS


@unobserved
def to_spreadsheet(
    output: Value,
    path: str | os.PathLike[str],
    *,
    train: Any = None,
    lr: float = 0.1,
    attempts: int = 1000,
    tiny: float = 1e-4,
    names: Names | None = None,
    max_nodes: int = 500,
) -> Path:
    """Write the graph of `output` as an .xlsx spreadsheet that computes values and gradients with live formulas.

    The sheet "Gradients" has a column for each leaf, each Value that has a name or is used more than once, the input
    and the result of each function such as tanh, and the output. Below it are its formula, its value, its local
    gradient on each column that uses it, its global gradient, and its faux gradient: how far the output moves when the
    number in the cell Tiny is added to the value, divided by that number. The leaves are the coloured input cells:
    change one, and everything is recalculated.

    As in the article, a difference `error = output - target` is skipped: the local gradient of `output` is the one on
    the column after `error`, because the one on `error` is always 1. Faux gradients end where their rows, which
    recompute everything after a value, would have more than 100,000 cells.

    Arguments:
        output: the Value to explain, usually the loss.
        path: the file to write; its name ends in .xlsx.
        train: a leaf, or lists of leaves, to train by gradient descent in a second sheet, "Training", with a row for
            each attempt and a chart of the falling error and loss, each with its own axis.
        lr: the learning rate to start with (cell A2 of that sheet).
        attempts: the number of rows of that sheet; it is written if it has at most 100,000 cells.
        tiny: the size of the perturbation to start with.
        names: names to use before labels and variables, as `draw` takes them; `{}` leaves out the names of variables.
        max_nodes: the largest number of Values to write.

    Returns the path. The file is written whole or not at all (a pipe, directly), with the same bytes every time.

    Spreadsheets have no infinity and no nan: such a cell shows an error, and a leaf with such a number shows `#N/A`.
    Numbers agree with Python's to about 12 digits; a difference of numbers that agree to 15 digits is 0 in a
    spreadsheet.

    Warns:
        FrozenChoiceWarning: Values were compared before the output was recorded, as by `np.maximum`, `max` or `sorted`:
            the spreadsheet keeps that choice.

    Raises:
        TypeError: `output` is not a Value, `train` has something other than Values, or `max_nodes` is no integer.
        ValueError: the graph is too large; the function of an operation of your own runs in Python only; `train` has
            something other than leaves of the graph, or one twice; or another argument is out of range.
        ModuleNotFoundError: XlsxWriter is not installed: `pip install XlsxWriter`.
        OSError: the file cannot be written, or is read-only.

    >>> import tempfile
    >>> from autograd import tanh
    >>> weight, bias = Value(0.5, "weight"), Value(0.6, "bias")
    >>> output = tanh(Value(0.4, "input") * weight + bias)
    >>> output.label = "output"
    >>> loss = (output - 0.7) ** 2 / 2
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_spreadsheet(loss, folder + "/neuron.xlsx", train=[weight, bias]).name
    'neuron.xlsx'
    """
    values = graph_of(output)
    path = Path(named_file(path))
    lr, tiny = number(lr), number(tiny)
    _check_arguments(path, lr, attempts, tiny)
    check_writable(path)
    advice = ["write an intermediate value, or a smaller example"]
    check_size(values, max_nodes, "for a readable spreadsheet", advice)
    trained = [] if train is None else leaves_to_train(train, values)
    try:
        import xlsxwriter  # noqa: PLC0415  # optional, so imported when first used
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            "to_spreadsheet() needs XlsxWriter: pip install XlsxWriter", name=problem.name
        ) from None
    copies, shown = copied_graph(values, names_of(values, names, repeat_labels=True))
    columns = columns_of(copies[output], shown)
    if len(columns) + 2 > COLUMNS:
        raise ValueError(
            f"the graph needs {len(columns) + 2:,} columns, a spreadsheet has {COLUMNS:,}: write a part of it"
        )
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": datetime(2000, 1, 1), "title": "Values and gradients"})  # same bytes
        gradients = GradientsSheet(workbook, columns, tiny)
        gradients.write()
        if train is not None:
            TrainingSheet(workbook, gradients, [copies[v] for v in trained], lr, attempts).write()
    warn_of_choices([output], "the spreadsheet keeps that choice whatever its cells hold")
    write_whole(path, buffer.getvalue())
    return path


def _check_arguments(path: Path, lr: float, attempts: int, tiny: float) -> None:
    if path.suffix.lower() != ".xlsx":
        raise ValueError(f"the name of a spreadsheet ends in .xlsx, got '{path_text(path)}'")
    if not math.isfinite(lr):
        raise ValueError(f"lr is the learning rate, a number such as 0.1, got {lr}")
    if not 0 < abs(tiny) < math.inf:
        raise ValueError(f"tiny is the size of the perturbation: a small number, not {tiny}")
    if isinstance(attempts, bool) or not isinstance(attempts, int):
        raise TypeError(f"attempts is the number of rows, got {type(attempts).__name__} {quoted(attempts)}")
    if not 1 <= attempts <= ROWS - 2:
        raise ValueError(f"attempts is the number of rows, from 1 to {ROWS - 2:,}, got {attempts:,}")
