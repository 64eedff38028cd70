"""Define baselines for the compiled functions: the same work by hand, and in other frameworks.

Each `make` function prepares everything that a user would prepare once, and returns a function without arguments that
does one step. Every call returns a fresh result, as the compiled functions do; scratch memory may be reused.
"""

from __future__ import annotations

import ctypes
import math
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import workloads

from autograd.codegen.c import FLAGS
from autograd.codegen.c_build import built
from autograd.codegen.c_library import Library

Array = npt.NDArray[np.float64]
Step = Callable[[], Any]

C_SOURCE = Path(__file__).with_name("by_hand.c")
VALUES_SOURCE = Path(__file__).with_name("values_by_hand.c")
C_FLAGS = "-O3 -march=native"
C_TRAINING_FLAGS = "-O2 -ffp-contract=off"
L2 = 1e-4


def demo_numbers() -> tuple[Array, Array, Array]:
    """Return micrograd's demo as arrays: the parameters (337,), the points (100, 2), the labels (100,)."""
    demo = workloads.Demo(workloads.Engine("plain floats", float, lambda _: ()))
    return np.array(demo.parameters), np.array(demo.points), np.array(demo.labels)


def split(p: Any) -> tuple[Any, Any, Any]:
    """Return the layers (16, 3), (16, 17) and (17,) of the demo as views of its 337 parameters, biases last."""
    return p[:48].reshape(16, 3), p[48:320].reshape(16, 17), p[320:]


# ------------------------------------------------------------------------------------------- the demo on other engines


def demo_numpy(p: Array, x: Array, y: Array) -> tuple[float, Array]:
    """Compute the value and gradients of the demo, in idiomatic NumPy."""
    w1, w2, w3 = split(p)
    n = len(y)
    h1 = np.maximum(x @ w1[:, :2].T + w1[:, 2], 0.0)
    h2 = np.maximum(h1 @ w2[:, :16].T + w2[:, 16], 0.0)
    margin = np.maximum(1.0 - y * (h2 @ w3[:16] + w3[16]), 0.0)
    loss = float(margin.sum() / n + L2 * (p @ p))

    d3 = np.where(margin > 0, -y / n, 0.0)
    d2 = np.where(h2 > 0, np.multiply.outer(d3, w3[:16]), 0.0)
    d1 = np.where(h1 > 0, d2 @ w2[:, :16], 0.0)
    gradient = 2 * L2 * p
    g1, g2, g3 = split(gradient)
    g1[:, :2] += d1.T @ x
    g1[:, 2] += d1.sum(axis=0)
    g2[:, :16] += d2.T @ h1
    g2[:, 16] += d2.sum(axis=0)
    g3[:16] += d3 @ h2
    g3[16] += d3.sum()
    return loss, gradient


def make_demo_numpy() -> Step:
    p, x, y = demo_numbers()
    return lambda: demo_numpy(p, x, y)


class DemoInBuffers:
    """The demo in as few and as cheap calls of NumPy as we know, with all scratch memory allocated in advance.

    Samples are columns, and a row of ones below them is the input of the biases. So a layer is one product, its
    gradient another, and every array is contiguous.
    """

    def __init__(self, n: int) -> None:
        self.x1, self.h1, self.h2 = np.ones((3, n)), np.ones((17, n)), np.ones((17, n))
        self.d1, self.d2 = np.empty((16, n)), np.empty((16, n))
        self.mask, self.margin, self.d3 = np.empty((16, n), bool), np.empty(n), np.empty(n)

    def __call__(self, p: Array, x: Array, y: Array) -> tuple[float, Array]:
        x1, h1, h2, d1, d2, d3, mask, margin = (
            self.x1, self.h1, self.h2, self.d1, self.d2, self.d3, self.mask, self.margin
        )  # fmt: skip
        w1, w2, w3 = split(p)
        n = len(y)
        top1, top2 = h1[:16], h2[:16]
        x1[:2] = x.T
        np.dot(w1, x1, out=top1)
        np.maximum(top1, 0.0, out=top1)
        np.dot(w2, h1, out=top2)
        np.maximum(top2, 0.0, out=top2)
        np.dot(w3, h2, out=margin)
        np.multiply(margin, y, out=margin)
        np.subtract(1.0, margin, out=margin)
        np.maximum(margin, 0.0, out=margin)
        loss = float(np.add.reduce(margin) / n + L2 * np.dot(p, p))

        np.multiply(y, -1.0 / n, out=d3)
        np.multiply(d3, np.greater(margin, 0.0, out=mask[0]), out=d3)
        np.multiply(w3[:16, None], d3, out=d2)
        np.multiply(d2, np.greater(top2, 0.0, out=mask), out=d2)
        np.dot(w2[:, :16].T, d2, out=d1)
        np.multiply(d1, np.greater(top1, 0.0, out=mask), out=d1)
        gradient = p * (2 * L2)
        g1, g2, g3 = split(gradient)
        g1 += np.dot(d1, x1.T)
        g2 += np.dot(d2, h1.T)
        g3 += np.dot(h2, d3)
        return loss, gradient


def make_demo_buffers() -> Step:
    p, x, y = demo_numbers()
    step = DemoInBuffers(len(y))
    return lambda: step(p, x, y)


def make_demo_jax(arrays: str, dispatch: str) -> Step:
    """Prepare `jax.jit` of `value_and_grad`, called with arrays of "numpy" or the "device".

    By default JAX hands a call over to another thread, and the caller waits; with the `dispatch` "in the caller" it
    does not. The parameters are one vector: passing six arrays of weights and biases took longer.
    """
    jax = import_module("jax")
    jax.config.update("jax_cpu_enable_async_dispatch", dispatch == "default")
    jax.config.update("jax_enable_x64", True)
    p, x, y = demo_numbers()

    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, w2, w3 = split(p)
        h1 = jax.nn.relu(x @ w1[:, :2].T + w1[:, 2])
        h2 = jax.nn.relu(h1 @ w2[:, :16].T + w2[:, 16])
        hinge = jax.nn.relu(1.0 - y * (h2 @ w3[:16] + w3[16])).mean()
        return hinge + L2 * (p @ p)

    step = jax.jit(jax.value_and_grad(loss))
    arguments = jax.device_put((p, x, y)) if arrays == "device" else (p, x, y)
    return lambda: jax.block_until_ready(step(*arguments))


def make_demo_torch(how: str) -> Step:
    """Prepare PyTorch with float64 tensors on one thread: eager, or with `torch.compile`."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    p, x, y = map(torch.from_numpy, demo_numbers())
    w1, w2, w3 = split(p)
    arrays = (w1[:, :2], w1[:, 2], w2[:, :16], w2[:, 16], w3[None, :16], w3[16:])
    parameters = [array.clone().requires_grad_() for array in arrays]
    linear, relu = torch.nn.functional.linear, torch.relu

    def loss(*layers: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = layers
        score = linear(relu(linear(relu(linear(x, w1, b1)), w2, b2)), w3, b3)[:, 0]
        squares = sum((w * w).sum() for w in layers)
        return relu(1.0 - y * score).mean() + L2 * squares

    forward = torch.compile(loss) if how == "compile" else loss

    def step() -> Any:
        value = forward(*parameters)
        return value, torch.autograd.grad(value, parameters)

    return step


def flat_from_torch(result: Any) -> list[float]:
    """Flatten PyTorch's loss and gradients in micrograd's order."""
    value, gradients = result
    w1, b1, w2, b2, w3, b3 = (gradient.numpy() for gradient in gradients)
    layers = (np.column_stack([w, b]).ravel() for w, b in ((w1, b1), (w2, b2), (w3, b3)))
    return [value.item(), *np.concatenate(list(layers)).tolist()]


def make_demo_micrograd() -> Step:
    """Prepare the step of micrograd's demo without its update: forward, gradients to zero, backward."""
    demo = workloads.Demo(workloads.load("micrograd"))

    def step() -> tuple[float, list[float]]:
        loss = demo.loss()
        for parameter in demo.parameters:
            parameter.grad = 0.0
        loss.backward()
        return loss.data, [parameter.grad for parameter in demo.parameters]

    return lambda: workloads.with_deep_stack(step)


def compiler() -> list[str]:
    """Return the command of the system's C compiler, or of the one that $CC names."""
    return shlex.split(os.environ.get("CC", "cc"))


@cache
def build_c(folder: Path, flags: str, source: Path = C_SOURCE) -> ctypes.CDLL:
    """Compile a source with these flags, and load it."""
    library = Path(tempfile.mkdtemp(dir=folder)) / "by_hand.so"
    command = [*compiler(), *flags.split(), "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def make_demo_c(name: str, folder: Path) -> Step:
    """Prepare a function of `by_hand.c` on NumPy arrays; pointers are taken once, and the gradient is overwritten."""
    function = getattr(build_c(folder, C_FLAGS), f"demo_{name}")
    function.restype = ctypes.c_double
    p, x, y = demo_numbers()
    gradient = np.empty_like(p)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (p, x, y)]
    arguments = (*pointers, ctypes.c_int(len(y)), gradient.ctypes.data_as(ctypes.c_void_p))
    # The pointers do not keep their arrays alive, but the closure does.
    return lambda: (function(*arguments), gradient, p, x, y)[:2]


@cache
def values_by_hand() -> Library:
    """Compile `values_by_hand.c` with the flags of compiled programs, and load it."""
    return built(VALUES_SOURCE.read_text(encoding="utf-8"), ["-O3", *FLAGS])


def make_value_c(name: str, numbers: tuple[Array, Array, Array]) -> Step:
    """Prepare a function of `values_by_hand.c`: it returns a loss, and computes no gradients."""
    function = values_by_hand().function(f"value_{name}")
    loss = ctypes.c_double()
    p, x, t = (array.ctypes.data_as(ctypes.c_void_p) for array in numbers)
    arguments = (p, x, t, ctypes.c_int(len(numbers[1])), ctypes.byref(loss))

    def step() -> float:
        function(*arguments)
        return loss.value

    return lambda: (step(), numbers)[0]  # the pointers do not keep their arrays alive, but the closure does


# ----------------------------------------------------------------------------------------------------- a single neuron


def train_neuron(iterations: int, weight: float, bias: float, input: float, target: float) -> tuple[float, float]:
    """Run the second article's program on Python floats; return the weight and the bias."""
    for _ in range(iterations):
        output = math.tanh(weight * input + bias)
        slope = (output - target) * (1 - output * output)
        weight -= 0.01 * (slope * input)
        bias -= 0.01 * slope
    return weight, bias


def make_training_python(iterations: int) -> Step:
    return lambda: train_neuron(iterations, 0.5, 0.5, 0.01, 0.1)


def make_training_c(iterations: int, folder: Path) -> Step:
    train = build_c(folder, C_TRAINING_FLAGS).train_neuron
    train.restype = None
    state = (ctypes.c_double * 2)()
    input, target = ctypes.c_double(0.01), ctypes.c_double(0.1)

    def step() -> list[float]:
        state[:] = [0.5, 0.5]
        train(iterations, state, input, target)
        return list(state)

    return step


def neuron_gradients(weight: float, bias: float, input: float, target: float) -> tuple[float, float, float]:
    """Compute the loss of one neuron on one sample, and its gradients with respect to weight and bias."""
    output = math.tanh(weight * input + bias)
    error = output - target
    slope = error * (1 - output * output)
    return error * error / 2, slope * input, slope


def make_call_python() -> Step:
    return lambda: neuron_gradients(0.5, 0.5, 0.01, 0.1)


# ----------------------------------------------------------------------------------------------- a graph of two numbers


def two_numbers_gradients(a: float, b: float) -> tuple[float, float, float]:
    """Compute (a + b − (a·b + b³))² / 2 and its derivatives by a and b."""
    c = a + b
    d = a * b + b**3
    e = c - d
    return e * e / 2, e * (1 - b), e * (1 - a - 3 * b * b)


def two_numbers_nested(a: float, b: float) -> tuple[float, list[float]]:
    """Compute the same, and return the derivatives as a list."""
    c = a + b
    d = a * b + b**3
    e = c - d
    return e * e / 2, [e * (1 - b), e * (1 - a - 3 * b * b)]


def make_two_numbers_python(nested: bool = False) -> Step:
    function = two_numbers_nested if nested else two_numbers_gradients
    return lambda: function(-41.0, 2.0)


def smallest_gradients(x: float, y: float) -> tuple[float, float, float]:
    """Compute x·y + x and its derivatives."""
    return x * y + x, y + 1, x


def smallest_nested(x: float, y: float) -> tuple[float, list[float]]:
    """Compute the same, and return the derivatives as a list."""
    return x * y + x, [y + 1, x]


def make_smallest_python(nested: bool = False) -> Step:
    function = smallest_nested if nested else smallest_gradients
    return lambda: function(-41.0, 2.0)


# --------------------------------------------------------------------------------------------- a network of 784-50-10


def dense_numbers() -> tuple[Array, Array, Array]:
    """Return the 39,760 parameters of a 784-50-10 network, a sample with a fifth of the inputs set, a one-hot class."""
    generator = np.random.default_rng(1337)
    first = generator.normal(0.0, 784**-0.5, (50, 785))
    second = generator.normal(0.0, 50**-0.5, (10, 51))
    sample = generator.uniform(0.0, 1.0, 784) * (generator.uniform(0.0, 1.0, 784) < 0.2)
    return np.concatenate([first.ravel(), second.ravel()]), sample, np.eye(10)[3]


def dense_numpy(p: Array, x: Array, t: Array) -> tuple[float, Array]:
    """Compute the cross-entropy of the 784-50-10 tanh network on one sample, and its gradients.

    Parameters are ordered neuron by neuron, the bias last. So a layer is a matrix, and its gradient one outer product
    that is written in place.
    """
    w1, w2 = p[:39250].reshape(50, 785), p[39250:].reshape(10, 51)
    hidden = np.tanh(w1[:, :784] @ x + w1[:, 784])
    scores = w2[:, :50] @ hidden + w2[:, 50]
    powers = np.exp(scores)
    total = powers.sum()
    loss = float(math.log(total) - scores @ t)

    d2 = powers / total - t
    d1 = (d2 @ w2[:, :50]) * (1.0 - hidden * hidden)
    gradient = np.empty_like(p)
    g1, g2 = gradient[:39250].reshape(50, 785), gradient[39250:].reshape(10, 51)
    np.multiply(d1[:, None], x, out=g1[:, :784])
    g1[:, 784] = d1
    np.multiply(d2[:, None], hidden, out=g2[:, :50])
    g2[:, 50] = d2
    return loss, gradient


def make_dense_numpy() -> Step:
    p, x, t = dense_numbers()
    return lambda: dense_numpy(p, x, t)
