"""Run the guided tour: `python -m autograd`, or `scalar-autograd`.

Work through two articles, "Gradients for a single neuron" and "Training a single neuron", with this engine and their
numbers, then draw the neuron's graph and write it as an interactive page.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO, cast

import graphviz

from autograd import Value, __version__, compile, draw, explain, explore, faux_gradient, grad
from autograd._native import reason
from autograd.engine import NATIVE, graph_of
from autograd.files import check_writable, is_stream, path_text, read_at_most, write_whole
from autograd.nn import Neuron
from autograd.text import aligned, decimals, escaped, is_terminal, paragraph, significant, table
from autograd.training.history import sparkline

SHOWN_ATTEMPTS = (1, 10, 100)  # and the last
ATTEMPTS = 1_000  # rows of the article's spreadsheet
ITERATIONS, QUICK_ITERATIONS = 100_000, 1_000  # of the article's program
_LARGEST_FILE = 10_000_000  # bytes; those of the tour have 100,000


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


def say(*paragraphs: str, stream: TextIO | None = None) -> None:
    """Print paragraphs as lines that fit the terminal."""
    for text in paragraphs:
        print(*paragraph(text), sep="\n", file=stream)


def say_title(title: str) -> None:
    """Print the title of a part: bold on a terminal that has colours, and whose user wants them."""
    plain = not is_terminal() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    old_windows = os.name == "nt" and "WT_SESSION" not in os.environ  # its consoles show the escape sequences
    print(title if plain or old_windows else f"\033[1m{title}\033[0m")
    print("=" * len(title))


# Gradients for a single neuron ---------------------------------------------------------------------------------------


def show_gradients() -> Value:
    """Print the first article's table, the two lines of its program, and the chain rule; return the loss."""
    say_title("1. Gradients for a single neuron")
    say(
        "net = input * weight + bias     output = tanh(net)",
        "error = output - target         loss = error ** 2 / 2",
        "with input 0.4, weight 0.5, bias 0.6 and target 0.7:",
        "",
    )
    example = record_example(Neuron(1, weights=[0.5], bias=0.6), x=0.4, target=0.7)
    x, weight, bias, net, output, error, loss = example
    loss.backward()
    filed = grad(loss, error)  # in the article's column of the output
    local = [*grad(net, [x, weight, bias]), grad(output, net), filed]
    columns = [x, weight, bias, net, output]
    rows = [
        ["value", *(significant(v.data, 5 if v is error else 4) for v in example)],
        ["local gradient", *(decimals(g.data, 4) for g in local), "", ""],
        ["global gradient", *(aligned(v.grad) for v in columns), "", ""],
        ["faux gradient", *(aligned(faux_gradient(loss, v, tiny=0.0001)) for v in columns), "", ""],
    ]
    print(*table(rows, flush_right=range(1, 8), head=["", *Example._fields]), sep="\n")
    terms = {
        "local": (
            f"how fast the next stage changes with this one. (The article files {decimals(filed.data, 4)} under "
            "output: it is the local gradient of the loss on the error. That of the error on the output is "
            f"{decimals(grad(error, output).data)}, as in the steps below, so the global gradient is the same.)"
        ),
        "global": (
            "how fast the loss changes with this one; backward() multiplies local gradients, from the loss back"
        ),
        "faux": "(the loss with this one increased by 0.0001 - the loss) / 0.0001: a check without calculus",
    }
    print()
    for term, meaning in terms.items():
        print(*paragraph(meaning, f"{term + ':':8}", " " * 8), sep="\n")
    say(
        "",
        f"Weight gradient: {aligned(weight.grad)}",
        f"Bias gradient: {aligned(bias.grad)}",
        "",
        "backward(), step by step, as explain(loss) writes it:",
    )
    print(*explain(loss, names={}, faux=False).steps, sep="\n")
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
    print()
    say_title("2. Training a single neuron")
    say(
        "It learns to multiply by 10: input 0.01, target 0.1; weight and bias start at 0.5. After each attempt: "
        "weight -= 0.1 * weight gradient, and the same for the bias. 0.1 is the learning rate.",
        "",
    )
    head = ["attempt", "weight", "weight gradient", "bias", "bias gradient", "net", "output", "error", "loss"]
    rows = []
    errors = []
    for attempt, (_, weight, bias, net, output, error, loss) in enumerate(train(0.1, ATTEMPTS), 1):
        errors.append(error.data)
        if all_rows or attempt in (*SHOWN_ATTEMPTS, ATTEMPTS):
            numbers = (weight.data, weight.grad, bias.data, bias.grad, net.data, output.data, error.data, loss.data)
            rows.append([f"{attempt:,}", *(f"{x:.7f}" for x in numbers)])  # the digits of the article's spreadsheet
    print(*table(rows, flush_right=range(len(head)), head=head), sep="\n")
    say("", f"The error falls: {sparkline(errors[:100])} (attempts 1 to 100)")


def show_program(iterations: int) -> None:
    """Train as the second article's program does, compiled, and print the line that it prints."""
    say("", f"The article's program: learning rate 0.01, {iterations:,} iterations, with the step compiled:")
    neuron = Neuron(1, weights=[0.5], bias=0.5)
    example = record_example(neuron, x=0.01, target=0.1)
    parameters = neuron.parameters()
    gradients = grad(example.loss, parameters)
    step = compile([p - 0.01 * g for p, g in zip(parameters, gradients)], (parameters,))
    for p, number in zip(parameters, step.repeat(iterations, [p.data for p in parameters])):
        p.data = number
    print(f"Trained output: {example.output.forward().data}")


# The graph -----------------------------------------------------------------------------------------------------------


def show_picture(loss: Value, path: Path, page: Path) -> list[str]:
    """Draw the graph and write it as a page; print where both are. Return why either is not there, or neither."""
    print()
    say_title("3. The graph")
    train = [v for v in graph_of(loss) if v.label in ("weight", "bias")]
    try:
        picture = draw(loss).pipe(format="svg").decode()
        explored = explore(loss, train=train, names={}).html
    except (graphviz.ExecutableNotFound, graphviz.CalledProcessError, TimeoutError) as problem:
        return [f"No picture this time: {escaped(str(problem))}"]
    problems = []
    for file, content, what in [
        (path, picture, "The neuron with its gradients, a picture"),
        (page, explored, "The neuron as a page, with steps, sliders and training"),
    ]:
        if reason := writing_problem(file, signed(content)):
            problems.append(f"{what}, is not written: {reason}")
            continue
        print(f"{what}: {path_text(file.resolve())}")
        if file is page:
            print(f"To open it: python -m webbrowser -t {page.resolve().as_uri()}")
    return problems


_SIGNATURE = "<!-- python -m autograd wrote this: "


def signed(content: str) -> str:
    """Return the text of a picture or a page with a comment at its end, by which the tour knows it as its own."""
    return f"{content}{_SIGNATURE}{hashlib.sha256(content.encode()).hexdigest()} -->\n"


def is_own(path: Path) -> bool:
    """Return True for a file that the tour wrote and that nobody has changed since."""
    content = read_at_most(path, _LARGEST_FILE)[1].decode(errors="replace")
    before, signature, _ = content.rpartition(_SIGNATURE)
    return bool(signature) and content == signed(before)


def writing_problem(path: Path, content: str) -> str | None:
    """Write a file, and its folder where there is none; return why it cannot be written, None if it could."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path)
        if path.exists() and not is_stream(path) and not is_own(path):
            return (
                f"{path_text(path)} is another's file, or was changed since the tour wrote it, and stays as it is. "
                "Choose another file with --output, or another folder."
            )
        write_whole(path, content)
    except OSError as problem:
        said = f"cannot write {path_text(path)}: {problem.strerror}" if problem.strerror else problem
        return f"{said}. Choose another file with --output."
    return None


def engine_in_use() -> str:
    """Return which engine is in use, and if it is the one in Python, why."""
    if NATIVE:
        return "engine: the native core, in C"
    return f"engine: in Python. The native core is not used: {reason}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tour; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scalar-autograd" if Path(sys.argv[0]).stem == "scalar-autograd" else "python -m autograd",
        description="A guided tour: the gradients of a single neuron, its training, its graph, an interactive page.",
    )
    parser.add_argument("--version", action="store_true", help="show the version, and which engine is in use, and exit")
    parser.add_argument("--rows", action="store_true", help=f"show all {ATTEMPTS:,} rows of the training table")
    parser.add_argument(
        "--quick", action="store_true", help=f"train for {QUICK_ITERATIONS:,} iterations instead of {ITERATIONS:,}"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the picture (default: neuron.svg); the page goes next to it, with the suffix .html",
    )
    options = parser.parse_args(arguments)
    if options.version:
        say(f"scalar-autograd {__version__}", engine_in_use())
        return 0
    path = options.output or Path()
    path = path / "neuron.svg" if path.is_dir() else path
    loss = show_gradients()
    show_training(options.rows)
    show_program(QUICK_ITERATIONS if options.quick else ITERATIONS)
    problems = show_picture(loss, path, path.with_suffix(".page.html" if path.suffix == ".html" else ".html"))
    # Only files that were asked for make it a failure: the tour is what it prints.
    for problem in problems:
        say(problem, stream=None if options.output is None else sys.stderr)
    return 1 if problems and options.output is not None else 0


def run() -> int:
    """Run the tour as a program: without a traceback where it is stopped, or where nobody reads on."""
    try:
        status = main()
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `python -m autograd | head`
        sys.stderr.close()  # Python would complain there that it cannot flush standard output
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run())
