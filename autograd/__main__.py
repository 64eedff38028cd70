"""Run the guided tour: `python -m autograd`.

Work through two articles, "Gradients for a single neuron" and "Training a single neuron", with this engine and their
numbers, then draw the neuron's graph and write it as an interactive page.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import graphviz

from autograd import Value, draw, explain, explore, faux_gradient, grad
from autograd.engine import graph_of
from autograd.files import check_writable, path_text, write_whole
from autograd.nn import Neuron
from autograd.text import aligned, decimals, significant, table

SHOWN_ATTEMPTS = (1, 2, 10, 100)  # and the last
ATTEMPTS = 1_000  # rows of the article's spreadsheet
ITERATIONS, QUICK_ITERATIONS = 100_000, 1_000  # of the article's program


class Example(NamedTuple):
    """The columns of the first article's table: the steps of a neuron's calculation on one example."""

    input: Value
    weight: Value
    bias: Value
    net: Value
    output: Value
    error: Value
    loss: Value


def record_example(neuron: Neuron, x: float, target: Value | float) -> Example:
    """Record net = input * weight + bias, output = tanh(net), error = output - target, loss = error ** 2 / 2."""
    entered = Value(x, "input")
    output = neuron(entered)
    net = cast(Value, output.args[0])  # the operand of tanh
    error = output - target
    loss = error**2 / 2
    net.label, output.label, error.label, loss.label = "net", "output", "error", "loss"
    return Example(entered, neuron.w[0], neuron.b, net, output, error, loss)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    print(*table(rows, flush_right=range(1, len(rows[0]))), sep="\n")


def printable(text: str) -> str:
    """Replace typographic minus and times signs by - and * if standard output cannot encode them."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.replace("−", "-").replace("×", "*")
    return text


# Gradients for a single neuron ---------------------------------------------------------------------------------------


def show_gradients() -> Value:
    """Print the first article's table and the two lines of its program; return the loss."""
    print(
        "1. Gradients for a single neuron\n"
        "================================\n"
        "net = input * weight + bias   output = tanh(net)   error = output - target   loss = error ** 2 / 2\n"
        "with input 0.4, weight 0.5, bias 0.6 and target 0.7\n"
    )
    example = record_example(Neuron(1, weights=[0.5], bias=0.6), x=0.4, target=0.7)
    x, weight, bias, net, output, error, loss = example
    loss.backward()
    # The article puts the local gradient of the loss with respect to the error into the output's column: the local
    # gradient of the error with respect to the output, which belongs there, is 1.
    local = [*grad(net, [x, weight, bias]), grad(output, net), grad(loss, error)]
    columns = [x, weight, bias, net, output]
    print_table(
        [
            ["", *Example._fields],
            ["value", *(significant(v.data, 5 if v is error else 4) for v in example)],
            ["local gradient", *(decimals(g.data, 4) for g in local), "", ""],
            ["global gradient", *(aligned(v.grad) for v in columns), "", ""],
            ["faux gradient", *(aligned(faux_gradient(loss, v, tiny=0.0001)) for v in columns), "", ""],
        ]
    )
    print(
        "\n"
        "local:  how fast the next stage changes with this one\n"
        "global: how fast the loss changes with this one; backward() multiplies local gradients, from the loss back\n"
        "faux:   (the loss with this one increased by 0.0001 - the loss) / 0.0001: a check without calculus\n"
        "\n"
        f"Weight gradient: {aligned(weight.grad)}\n"
        f"Bias gradient: {aligned(bias.grad)}\n"
        "\n"
        "The same in words, by explain(loss):\n"
    )
    print(printable(str(explain(loss, names={}))))
    return loss


# Training a single neuron --------------------------------------------------------------------------------------------


def train(learning_rate: float, attempts: int) -> Iterator[Example]:
    """Learn to multiply 0.01 by 10. Each attempt: compute, `backward()`, update weight and bias."""
    neuron = Neuron(1, weights=[0.5], bias=0.5)
    for _ in range(attempts):
        example = record_example(neuron, x=0.01, target=0.1)
        neuron.zero_grad()
        example.loss.backward()
        yield example
        for p in neuron.parameters():
            p.data -= learning_rate * p.grad


def show_training(all_rows: bool) -> None:
    """Print the rows of the second article's spreadsheet, and its chart of the falling error."""
    print(
        "\n"
        "2. Training a single neuron\n"
        "===========================\n"
        "It learns to multiply by 10: input 0.01, target 0.1. The learning rate is 0.1; weight and bias start at 0.5.\n"
        "After each attempt: weight -= learning rate * weight gradient, and the same for the bias.\n"
    )
    rows = [
        ["", "", "weight", "", "bias", "", "", "", "", "", ""],
        ["input", "weight", "gradient", "bias", "gradient", "net", "output", "target", "attempt", "error", "loss"],
    ]
    errors = []
    for attempt, (x, weight, bias, net, output, error, loss) in enumerate(train(0.1, ATTEMPTS), 1):
        errors.append(error.data)
        if all_rows or attempt in (*SHOWN_ATTEMPTS, ATTEMPTS):
            calculated = (weight.data, weight.grad, bias.data, bias.grad, net.data, output.data)
            inner = [f"{number:.7f}" for number in calculated]  # the digits of the article's spreadsheet
            rows.append([decimals(x.data), *inner, "0.1", f"{attempt:,}", f"{error.data:.7f}", f"{loss.data:.7f}"])
    print_table(rows)
    print("\nThe error falls:")
    for attempt in (1, 5, 10, 15, 20, 30, 40, 60, 80, 100):
        print(f"attempt {attempt:3}  {errors[attempt - 1]:.4f}  {'#' * round(100 * errors[attempt - 1])}".rstrip())


def show_program(iterations: int) -> None:
    """Train as the second article's program does, and print the line that it prints."""
    print(f"\nThe article's program: learning rate 0.01, {iterations:,} iterations of the same.")
    sys.stdout.flush()
    for i, example in enumerate(train(0.01, iterations), 1):
        output = example.output
        if i % (iterations // 10) == 0:
            show_progress(i, iterations)
    # The parameters were updated after the last attempt: replay its graph with their final values.
    print(f"Trained output: {output.forward().data}")


def show_progress(done: int, total: int) -> None:
    """Show a bar that redraws itself on a terminal; elsewhere (a file, a log), print a line for each tenth."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        end = "\r" if done < total else "\r" + " " * 60 + "\r"
        print(f"\rtraining [{bar:<30}] {done:>7,} of {total:,}", end=end, file=sys.stderr, flush=True)
    else:
        print(f"trained {done:,} of {total:,}", file=sys.stderr, flush=True)


# The graph -----------------------------------------------------------------------------------------------------------


def show_picture(loss: Value, path: Path, page: Path) -> None:
    """Draw the graph and write it as a page; print where both are, or how to install Graphviz."""
    print("\n3. The graph\n============")
    try:
        picture = draw(loss).pipe(format="svg")
        explore(loss, page, train=[v for v in graph_of(loss) if v.label in ("weight", "bias")], names={})
    except (graphviz.ExecutableNotFound, graphviz.CalledProcessError, TimeoutError) as problem:
        print(f"No picture this time: {problem}")
        return
    write_whole(path, picture)
    print(
        f"The neuron's graph with its gradients is in {path.resolve()}\n"
        "Open it in a browser; hover over a node to see all digits.\n"
        "\n"
        f"The same graph as an interactive page, with steps, sliders and training: {page.resolve()}\n"
        "Double-click the file, or run:\n"
        f"  python -m webbrowser -t {page.resolve().as_uri()}"
    )


def writing_problem(path: Path) -> str | None:
    """Make the folder of a file, and return why the file cannot be written; None if it can."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path)
    except OSError as problem:
        said = f"cannot write {path_text(path)}: {problem.strerror}" if problem.strerror else problem
        return f"{said}. Choose another file with --output."
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tour; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m autograd",
        description="A guided tour: the gradients of a single neuron, its training, its graph, an interactive page.",
    )
    parser.add_argument("--rows", action="store_true", help=f"show all {ATTEMPTS:,} rows of the training table")
    parser.add_argument(
        "--quick", action="store_true", help=f"train for {QUICK_ITERATIONS:,} iterations instead of {ITERATIONS:,}"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("neuron.svg"),
        metavar="FILE",
        help="the picture (default: %(default)s); the page goes next to it, with the suffix .html",
    )
    options = parser.parse_args(arguments)
    path = options.output / "neuron.svg" if options.output.is_dir() else options.output
    page = path.with_suffix(".page.html" if path.suffix == ".html" else ".html")
    if problem := writing_problem(path) or writing_problem(page):
        print(f"autograd: {problem}", file=sys.stderr)
        return 1
    loss = show_gradients()
    show_training(options.rows)
    show_program(QUICK_ITERATIONS if options.quick else ITERATIONS)
    show_picture(loss, path, page)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `python -m autograd | head`
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit("\nStopped. (--quick runs fewer iterations.)")
