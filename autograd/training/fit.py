"""Train a model: `fit` checks, records a sample, compiles it, and runs epochs until the end or Ctrl-C.

A model and its data pass through `samples/` and this folder in one direction:

    samples/rows.py          the samples, checked
    data.py                  their targets
    record.py                the loss, checked, and the graph of one sample
    steps.py, eager.py       a function of a batch, compiled from the graph or calling the model
    draws.py                 random numbers for each sample
    reach.py                 the check that the loss depends on the parameters
    consistency.py           the checks that the graph of one sample holds for all
    preparation.py           all of these together
    claims.py                one fit at a time
    run.py                   epochs of steps, and the state after each step
    reads.py                 whether an optimizer may read parameters elsewhere than in its rule
    steps_in_c.py            slices of steps in C: loop_in_c.py has the loop, rules_in_c.py prints the optimizer's rule
    diagnosis.py             the operation by which a step has lost its numbers
    history.py, progress.py  what the user sees of it; chart.py and plots.py draw it
"""

import random
import time
from collections.abc import Callable
from typing import Any, SupportsIndex

from autograd.codegen.c_build import told_of_long_builds
from autograd.codegen.compile import BACKENDS
from autograd.collecting.holder import Holder, keep_as_known, warn_of_new
from autograd.collecting.walk import refuse_twins
from autograd.contexts import in_own_context
from autograd.engine import Value
from autograd.errors import RecordingError
from autograd.hints import FIT, called_as
from autograd.modes import train_in_parts
from autograd.module import name_classes
from autograd.optim import Optimizer, optimizer_of, warn_of_own_step
from autograd.text import quoted
from autograd.training.advice import FEWEST_STEPS, Advisor
from autograd.training.claims import claiming
from autograd.training.data import Data
from autograd.training.draws import Draws
from autograd.training.history import History
from autograd.training.preparation import prepare, refuse_infinite
from autograd.training.progress import Progress, say_compiling
from autograd.training.record import Objective
from autograd.training.run import Run
from autograd.validation import integer


@called_as(FIT)
@in_own_context
def fit(
    model: Any,
    xs: Any,
    ys: Any,
    *,
    loss: Callable[[Any, Any], Value] | str,
    optimizer: Optimizer | str,
    epochs: SupportsIndex,
    batch_size: SupportsIndex | None = None,
    regularizer: Callable[[list[Value]], Value] | None = None,
    validation: tuple[Any, Any] | float | None = None,
    patience: SupportsIndex | None = None,
    backend: str = "auto",
    seed: int | None = None,
    progress: bool = True,
    callback: Callable[[int, History], object] | None = None,
) -> History:
    """Train a model: move its parameters so that the loss falls.

    `fit` records the graph of one sample, compiles loss and gradients together, and calls the compiled function for
    each batch. So the model's Python runs for a few samples only. Other leaves, of frozen parts or of another model
    that the loss calls, are inputs of that function, too, and read anew after each callback; plain numbers become
    constants. A model that decides by an `if`, reads `.data` or draws by the module `random` may compute something else
    for others, and is refused if a check detects it. The checks record more samples before training and during it, and
    compare the compiled losses and gradients of the first and the last batch with the model's (`consistency.py` lists
    them, and `docs/promises.md` counts what they miss). With `backend="eager"` the model runs for each sample, as in a
    loop written by hand.

    With the backend "c", whole steps are C: loss and gradients of a batch, and the optimizer's update, printed from its
    own `rule`, also from that of a subclass of yours. It makes as many steps as take some 50 ms, up to the end of an
    epoch (of several, where an epoch is one step, without callback, validation and patience). Learning rates are asked
    for these steps in advance, each once. Before the first step the rule is compared with what C computes of random
    numbers, for all parameters; after the last of the steps that it makes at once the rule is called again, and
    compared with what C has computed, before any of them is kept: for one parameter after the first of such slices, for
    all after others (some, where they are short). All else is as if Python made the steps, and so are the numbers, to
    the bit. Where Python has to make them, `History.steps_in_python` says why: for a learning rate or a rule that leads
    to the parameters (in any backend it sees their numbers and gradients as they are before its step), for an optimizer
    that moves numbers by another method than `rule`, or whose rule compares numbers, draws, changes something, moves
    numbers by what takes floats only, calls what has other bits in C, or reads a list or what else may change.

    Samples may be of several shapes, such as sequences of several lengths, where the model takes them. One graph is
    recorded and compiled for each shape, of inputs and target, so a few lengths compile sooner than many. Each step is
    a batch of samples of one shape; an epoch has the batches of all shapes in a random order, in "eager" as well.

    A model is in training (`Module.training`) while it learns, and is not while samples held out are judged; parts that
    are frozen, or in `eval()`, never are. What `nn.uniform` draws, for dropout or noise, is drawn anew for each sample,
    the same numbers in every backend, by a generator that `seed` decides; it is an input of the compiled function. Runs
    without draws are as they are without.

    Arguments:
        model: a Module, or any object that can be called with one sample's inputs and has `parameters()`. It is called
            with a Value if the samples in `xs` are plain numbers, else with a list of Values.
        xs: the inputs: a list or array with one entry per sample: a number, a row of numbers, or nested lists or tuples
            of numbers, such as ([a, b], c), which the model gets as lists of Values.
        ys: the targets, one per sample: numbers, rows or nested lists; for `nn.cross_entropy` also class indices. A
            column, rows of one number, stands for its numbers where the loss takes no rows. For a classifier they may
            be text, the names of classes: the model then has these in `classes`, and so has the History.
        loss: a function of one sample's output and target, both Values or lists of Values: `nn.mse`, `nn.hinge`,
            `nn.binary_cross_entropy`, `nn.cross_entropy`, or the name of one, "mse"; a `functools.partial` of one, or
            your own. `nn.loss` gives your own an accuracy, and a check of its targets.
        optimizer: an optimizer from `autograd.optim`, or the name of one: "sgd" (with a learning rate of 0.01), "adam"
            or "adamw" (0.001). One that has already made steps continues from there.
        epochs: the number of passes over all samples.
        batch_size: the number of samples per step; None for all (of one shape). The last batch of an epoch may be
            smaller. If there are several batches, the samples are shuffled anew for each epoch.
        regularizer: a function of the list of parameters, added to the loss of each step, such as
            `lambda ps: 1e-4 * autograd.sum([p * p for p in ps])`.
        validation: (xs, ys) to measure after each epoch; or a fraction of the samples, such as 0.2, to hold out for
            that, chosen at random by `seed`.
        patience: the number of epochs without a new lowest loss, of the validation data if there are any, after which
            training ends. The parameters are then those of the lowest loss, and so they are if `epochs` or Ctrl-C ends
            the run; `History.best_epoch` is its epoch.
        backend: one of `autograd.compile`'s, "python", "numpy" or "c"; "eager", which compiles nothing and calls
            `backward()`; or "auto", the fastest available: "c" with a C compiler, else "numpy", else "python". Where
            the C compiler would take more than a second, by the length of the source, "auto" takes "c" only if the run
            is long enough to gain as much, by the number of its steps (some 1,000 to 2,000, whatever the size of the
            model), or if the library is in the cache of an earlier run. After a callback has changed the model twice,
            it compiles no more C. With batches of one, the losses are the same to the bit in all of them (`hypot`
            aside); larger batches may be summed in another order.
        seed: the seed of the shuffling, of the choice of samples to hold out, and of draws; None to use the module
            `random`, so that `random.seed(...)` applies.
        progress: whether to report progress, a long compilation and the epochs, with tqdm if it is installed, else in
            about ten lines, or in one every ten seconds; on standard error, in a notebook on standard output.
        callback: called with (epoch, history) after each epoch, counted from 0. It sees the current parameters and may
            change them, and the numbers of other leaves, at no cost: a frozen average of the weights, a temperature in
            an `nn.Constant(Value(1.0))`. Where it changes the model otherwise, or a plain number that the model
            computes with, the model is compiled again. If it returns True, training ends.

    Returns the History. The loss of an epoch is the mean over its samples, each computed with the parameters *before*
    its batch's step. So is the accuracy, for `hinge` (by the sign), `binary_cross_entropy`, `cross_entropy`, and any
    loss that defines one. (Where `patience` watches this loss, the best parameters are those before an epoch of one
    step, and those after an epoch of several.)

    Ctrl-C ends the run: the parameters are those of the last whole step (with `patience`, the best), the unfinished
    epoch is not in the History, and `History.interrupted` is True. Any other exception leaves the parameters of the
    last whole step, too. The parameters' gradients are 0 afterwards.

    Warns:
        TrainingWarning: once in a run, if the model ends in a sigmoid or a softmax, and the loss applies one itself; if
            inputs are larger than 100, or a hundred times as large as others, and a model with units multiplies them as
            they are (put `nn.Standardize.of(xs)` in front of a new one); if the
            model gives all samples the same answer because its units are dead; if the loss has grown, which a few steps
            show; or if, after 50 steps or more, or where `patience` ended the run, neither the loss nor the accuracy
            is better than that of one answer for all samples. And if neither the loss nor the regularizer depends on
            some parameters; or if they depend on leaves that are no parameters of the model, and not frozen. And if the
            optimizer has a `step` of its own, but no `rule` or `update` beside it, which `fit` calls.

    Raises:
        TypeError: an argument of the wrong kind.
        RecordingError: the model compares Values, or one graph cannot stand for all samples; or it keeps results
            of parameters from an earlier call or step. The parameters are those of the last whole step; the error's
            `history` is the run so far, None before training.
        RuntimeError: another `fit` is training the model.
        ValueError: the loss depends on no parameter (`backend="eager"` knows that after an epoch); or samples and
            targets that do not fit, an unknown backend, or a number out of range.
        DivergenceError: a loss or a parameter became inf or nan. It names the sample, the operation and the line of
            source. The parameters are those before that step; the error's `history` is the run so far.
        CompilerError: the backend is "c", and there is no C compiler.

    >>> from autograd import nn, optim
    >>> model = nn.Neuron(1, "linear", weights=[0.5], bias=0.5)
    >>> history = fit(model, [0.0, 2.0], [1.0, 5.0], loss=nn.mse, optimizer=optim.SGD(0.25), epochs=20, progress=False)
    >>> history
    █▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 20 epochs: loss 1.603e-05
    >>> print(f"{model(10.0):.3f}")
    20.977
    """
    began = time.perf_counter()
    epochs = _integer("epochs", epochs, least=0)
    choices = ("auto", *BACKENDS, "eager")
    if backend not in choices:
        raise ValueError(f"no backend {quoted(backend)}: there are {', '.join(map(repr, choices))}")
    named = isinstance(optimizer, str)
    optimizer = optimizer_of(optimizer)
    warn_of_own_step(optimizer)
    if patience is not None:
        patience = _integer("patience", patience, least=1)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is a function of the epoch and the history, got {type(callback).__name__}")
    rng: Any = random if seed is None else random.Random(_integer("seed", seed, least=0))
    if isinstance(model, Holder):
        refuse_twins(model)  # which it could not save
        warn_of_new(model)  # what a callback assigns later is meant
    train_in_parts(model)
    objective = Objective.of(model, loss, regularizer)
    with claiming() as claim:
        claim(objective.parameters)
        optimizer.attach(objective.parameters)
        data = Data.of(xs, ys, validation, rng, named=objective.classes is not None)
        n = len(data.known)
        size = n if batch_size is None else min(_integer("batch_size", batch_size, least=1), n)
        draws = Draws(rng)
        with told_of_long_builds(say_compiling if progress else None):
            prepared = prepare(objective, data, size, backend, draws, epochs=epochs)
        refuse_infinite(prepared, xs, ys, validation)
        parts = [part.data for part in prepared.learners]
        advisor = Advisor(prepared.sample, parts, remembers=not named and bool(optimizer.memories))
        advisor.before()
        run = Run(prepared, optimizer, size, patience, advisor.on_divergence)
        history = run.history
        history.classes = data.classes
        name_classes(model, data.classes)
        reporter = Progress(epochs, history.figures) if progress and epochs else None
        started, checked = time.perf_counter(), run.check_seconds
        history.compile_seconds = compiled = started - began - checked
        again = committed = False
        try:
            try:
                last = stopped = False
                done = 0
                for _ in range(epochs):
                    if last:  # not at the end of the body: Ctrl-C could leave the `try` there, as engine.py says
                        break
                    done += run.epochs(rng, 1 if callback else epochs - done)
                    epoch = done - 1
                    over = done == epochs or run.gives_up()
                    run.check_if_due(done, last=over, callback=callback is not None)
                    if reporter:
                        reporter(done)
                    if callback:
                        run.commit()
                        stop = callback(epoch, history)
                        run.read()
                        outdated = not over and run.is_outdated()
                        if stop:
                            stopped = True
                            if not outdated:
                                run.check_if_due(done, last=True, callback=False)
                            break
                        if outdated:
                            objective = Objective.of(model, loss, regularizer)
                            claim(objective.parameters)
                            optimizer.follow(objective.parameters)
                            if prepared.fallback:
                                backend = prepared.backend  # no second warning why another cannot be used
                            with run.compiling():
                                # a model that changes twice changes often: no more C, but from the cache
                                to_come = 0 if again else epochs - done
                                prepared = prepare(objective, data, size, backend, draws, epochs=to_come)
                                run.follow(prepared)
                            again = True
                    last = over
                steps = run.optimizer.steps - run.steps_before  # those that brought the best away, too
                run.bring_back_best()
                run.commit()
                committed = True
            except RecordingError as error:
                error.history = history
                raise
            finally:
                if not committed:
                    run.commit()
                history.check_seconds = run.check_seconds
                others = history.check_seconds - checked + history.compile_seconds - compiled
                history.seconds = time.perf_counter() - started - others
                if reporter:
                    reporter.close()
            if not stopped or steps >= FEWEST_STEPS:  # a callback that stops a short run has judged it
                advisor.after(history, run.objective, run.known, steps, gave_up=run.gives_up())
        except KeyboardInterrupt:
            history.interrupted = True
            run.bring_back_best()
            run.commit()  # again: the interrupt may have come during the first one
        keep_as_known(model)
        return history


def _integer(name: str, number: SupportsIndex, least: int) -> int:
    found = integer(name, number)
    if found < least:
        raise ValueError(f"{name} is at least {least}, got {found}")
    return found
