"""Compute the networks of `recorded_networks.py` by hand, with matrices: in NumPy, JAX and PyTorch.

All take the same flat parameters and the same batch, and return the mean loss and its gradients in the order of the
parameters. Of the formulations that we know, each is the fastest that we measured in float64 on one CPU; for JAX, and
for MLPs in NumPy, there is one as its users write it, and one that is tuned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import by_hand
import numpy as np
from by_hand import Step
from numpy.lib.stride_tricks import sliding_window_view
from recorded_networks import MLP, Array, Attention, Convolution, Network, numbers


def matrices(network: Network, p: Any) -> list[Any]:
    """Return views of the flat parameters, a matrix for each layer: a row for each neuron."""
    ends = accumulate((neurons * fan for neurons, fan in network.layers), initial=0)
    return [p[start:end].reshape(shape) for (start, end), shape in zip(pairwise(ends), network.layers)]


# ---------------------------------------------------------------------------------------------------------------- NumPy


class Activation(NamedTuple):
    """A function that overwrites an array, and its derivative as a function of the result."""

    apply: Callable[[Array], Any]
    slope: Callable[[Array], Array]


def apply_sigmoid(z: Array) -> None:
    np.exp(np.negative(z, out=z), out=z)
    np.divide(1, np.add(z, 1, out=z), out=z)


def apply_softplus(z: Array) -> None:
    """Overwrite z with log(1 + exp(z)). `np.logaddexp(0, z)` takes longer."""
    rest = np.abs(z)
    np.log1p(np.exp(np.negative(rest, out=rest), out=rest), out=rest)
    np.add(np.maximum(z, 0, out=z), rest, out=z)


ACTIVATIONS = {
    "tanh": Activation(lambda z: np.tanh(z, out=z), lambda h: 1 - h * h),
    "sigmoid": Activation(apply_sigmoid, lambda h: h * (1 - h)),
    "softplus": Activation(apply_softplus, lambda h: -np.expm1(-h)),
}


def mlp_numpy(network: MLP, p: Array, x: Array, t: Array) -> tuple[float, Array]:
    """Each layer is one product: its inputs have a column of ones for the biases."""
    n, ws, (apply, slope) = len(x), matrices(network, p), ACTIVATIONS[network.activation]
    ones = np.ones((n, 1))
    inputs = [np.concatenate([x, ones], axis=1)]
    for w in ws[:-1]:
        h = inputs[-1] @ w.T
        apply(h)
        inputs.append(np.concatenate([h, ones], axis=1))
    error = inputs[-1] @ ws[-1].T - t
    loss = float((error * error).sum() / n)

    gradient = np.empty_like(p)
    d = error * (2 / n)
    (w_after, *_), (g, *gs) = reversed(ws), reversed(matrices(network, gradient))
    np.matmul(d.T, inputs[-1], out=g)
    for w, g, x1, h1 in zip(reversed(ws[:-1]), gs, reversed(inputs[:-1]), reversed(inputs[1:])):
        d = (d @ w_after[:, :-1]) * slope(h1[:, :-1])
        np.matmul(d.T, x1, out=g)
        w_after = w
    return loss, gradient


def mlp_numpy_tuned(network: MLP, p: Array, x: Array, t: Array) -> tuple[float, Array]:
    """Samples are columns in arrays that are made once, with a row of ones for the biases below a layer's inputs."""
    n, ws, (apply, slope) = len(x), matrices(network, p), ACTIVATIONS[network.activation]
    inputs = [np.empty((w.shape[1], n)) for w in ws]
    inputs[0][:-1] = x.T
    for x1 in inputs:
        x1[-1] = 1
    for w, x1, x2 in zip(ws, inputs, inputs[1:]):
        apply(np.matmul(w, x1, out=x2[:-1]))
    error = ws[-1] @ inputs[-1] - t.T
    loss = float(np.vdot(error, error) / n)

    gradient = np.empty_like(p)
    outer = np.multiply if n == 1 else np.matmul  # of one column and one row, a product is slower
    d = error * (2 / n)
    for w, g, x1 in zip(reversed(ws), reversed(matrices(network, gradient)), reversed(inputs)):
        outer(d, x1.T, out=g)
        if x1 is not inputs[0]:
            d = w[:, :-1].T @ d
            d *= slope(x1[:-1])
    return loss, gradient


def windows(images: Array, stride: int = 1) -> Array:
    """Return the windows of 3 x 3 pixels: samples, rows and columns of windows, channels, then the window's pixels."""
    return sliding_window_view(images, (3, 3), axis=(1, 2))[:, ::stride, ::stride]


def convolution_numpy(network: Convolution, p: Array, x: Array, t: Array) -> tuple[float, Array]:
    """Each convolution is a product with all windows; their gradients are added where the windows overlap."""
    w1, w2, w3 = matrices(network, p)
    (c1, c2), (s1, s2), n = network.channels, network.sides, len(x)
    x1 = windows(x, 2).reshape(-1, 9)
    h1 = np.tanh(x1 @ w1[:, :-1].T + w1[:, -1])
    x2 = windows(h1.reshape(n, s1, s1, c1)).reshape(-1, 9 * c1)
    h2 = np.tanh(x2 @ w2[:, :-1].T + w2[:, -1])
    x3 = h2.reshape(n, s2 * s2, c2).swapaxes(1, 2).reshape(n, -1)
    error = x3 @ w3[:, :-1].T + w3[:, -1] - t
    loss = float((error * error).sum() / n)

    gradient = np.empty_like(p)
    g1, g2, g3 = matrices(network, gradient)
    d3 = error * (2 / n)
    np.matmul(d3.T, x3, out=g3[:, :-1])
    d3.sum(axis=0, out=g3[:, -1])
    d2 = (d3 @ w3[:, :-1]).reshape(n, c2, s2 * s2).swapaxes(1, 2).reshape(-1, c2) * (1 - h2 * h2)
    np.matmul(d2.T, x2, out=g2[:, :-1])
    d2.sum(axis=0, out=g2[:, -1])
    pieces = (d2 @ w2[:, :-1]).reshape(n, s2, s2, c1, 3, 3)
    d1 = np.zeros((n, s1, s1, c1))
    for i in range(3):
        for j in range(3):
            d1[:, i : i + s2, j : j + s2] += pieces[..., i, j]
    d1 = d1.reshape(-1, c1) * (1 - h1 * h1)
    np.matmul(d1.T, x1, out=g1[:, :-1])
    d1.sum(axis=0, out=g1[:, -1])
    return loss, gradient


def attention_numpy(network: Attention, p: Array, x: Array, t: Array) -> tuple[float, Array]:
    """Queries, keys and values of all heads are one product."""
    n, tokens, width = x.shape
    size = width // network.heads
    *_, wo, gain, offset = matrices(network, p)
    wi = p[: 3 * width * width].reshape(-1, width)
    rows = x.reshape(-1, width)

    def in_heads(columns: Array) -> Array:
        return columns.reshape(n, tokens, network.heads, size).swapaxes(1, 2)

    def in_rows(heads: Array) -> Array:
        return heads.swapaxes(1, 2).reshape(-1, width)

    q, k, v = map(in_heads, np.split(rows @ wi.T, 3, axis=1))
    scores = q @ k.swapaxes(2, 3) / math.sqrt(size)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares = powers / powers.sum(axis=-1, keepdims=True)
    found = in_rows(shares @ v)
    added = rows + found @ wo.T
    centred = added - added.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + network.tiny)
    normal = centred * scale
    error = normal * gain[:, 0] + offset[:, 0] - t.reshape(-1, width)
    loss = float((error * error).sum() / n)

    d = error * (2 / n)
    g_gain, g_offset = (d * normal).sum(axis=0), d.sum(axis=0)
    d *= gain[:, 0]
    d = scale * (d - d.mean(axis=1, keepdims=True) - normal * (d * normal).mean(axis=1, keepdims=True))
    g_wo = d.T @ found
    d_found = in_heads(d @ wo)
    d_shares = d_found @ v.swapaxes(2, 3)
    d_scores = shares * (d_shares - (d_shares * shares).sum(axis=-1, keepdims=True)) / math.sqrt(size)
    parts = d_scores @ k, d_scores.swapaxes(2, 3) @ q, shares.swapaxes(2, 3) @ d_found
    g_wi = np.concatenate([in_rows(part) for part in parts], axis=1).T @ rows
    return loss, np.concatenate([g_wi.ravel(), g_wo.ravel(), g_gain, g_offset])


# ------------------------------------------------------------------------------------------------------------------ JAX


def split_jax(jax: Any, network: Network, p: Any) -> list[list[Any]]:
    """Return each layer's weights and biases."""
    split = jax.numpy.split
    ends = list(accumulate(neurons * fan for neurons, fan in network.layers))
    layers = [part.reshape(shape) for part, shape in zip(split(p, ends[:-1]), network.layers)]
    return [[w, b[:, 0]] for w, b in (split(layer, [layer.shape[1] - 1], axis=1) for layer in layers)]


def mlp_jax(jax: Any, network: MLP, p: Any, x: Any, t: Any) -> Any:
    *hidden, (w_out, b_out) = split_jax(jax, network, p)
    for w, b in hidden:
        x = jax.numpy.tanh(x @ w.T + b)
    return ((x @ w_out.T + b_out - t) ** 2).sum() / len(x)


def mlp_jax_tuned(jax: Any, network: MLP, p: Any, x: Any, t: Any) -> Any:
    """Samples are columns: XLA multiplies fastest where both operands end with what is summed, as gradients then do."""
    *hidden, (w_out, b_out) = split_jax(jax, network, p)
    x = x.T
    for w, b in hidden:
        x = jax.numpy.tanh(w @ x + b[:, None])
    return ((w_out @ x + b_out[:, None] - t.T) ** 2).sum() / len(t)


def convolution_jax(jax: Any, network: Convolution, p: Any, x: Any, t: Any) -> Any:
    convolve = partial(jax.lax.conv_general_dilated, padding="VALID", dimension_numbers=("NHWC", "OIHW", "NHWC"))
    (w1, b1), (w2, b2), (w3, b3) = split_jax(jax, network, p)
    (c1, c2), n = network.channels, len(x)
    h1 = jax.numpy.tanh(convolve(x[..., None], w1.reshape(c1, 1, 3, 3), (2, 2)) + b1)
    h2 = jax.numpy.tanh(convolve(h1, w2.reshape(c2, c1, 3, 3), (1, 1)) + b2)
    x3 = h2.transpose(0, 3, 1, 2).reshape(n, -1)
    return ((x3 @ w3.T + b3 - t) ** 2).sum() / n


def convolution_jax_tuned(jax: Any, network: Convolution, p: Any, x: Any, t: Any) -> Any:
    """Each convolution is a product with all windows."""
    (w1, b1), (w2, b2), (w3, b3) = split_jax(jax, network, p)
    (c1, c2), (s1, s2), n = network.channels, network.sides, len(x)

    def windows(images: Any, side: int, stride: int) -> Any:
        span = stride * (side - 1) + 1
        pixels = [images[:, i : i + span : stride, j : j + span : stride] for i in range(3) for j in range(3)]
        return jax.numpy.stack(pixels, -1).reshape(n * side * side, -1)

    h1 = jax.numpy.tanh(windows(x, s1, 2) @ w1.T + b1).reshape(n, s1, s1, c1)
    h2 = jax.numpy.tanh(windows(h1, s2, 1) @ w2.T + b2)
    x3 = h2.reshape(n, s2 * s2, c2).swapaxes(1, 2).reshape(n, -1)
    return ((x3 @ w3.T + b3 - t) ** 2).sum() / n


def attention_jax(jax: Any, network: Attention, p: Any, x: Any, t: Any) -> Any:
    n, tokens, width = x.shape
    square = width * width
    wi, wo, gain, offset = jax.numpy.split(p, [3 * square, 4 * square, 4 * square + width])
    heads = (x @ wi.reshape(-1, width).T).reshape(n, tokens, 3, network.heads, -1)
    q, k, v = (heads[:, :, part].swapaxes(1, 2) for part in range(3))
    shares = jax.nn.softmax(q @ k.swapaxes(2, 3) / math.sqrt(width // network.heads))
    added = x + (shares @ v).swapaxes(1, 2).reshape(x.shape) @ wo.reshape(width, width).T
    centred = added - added.mean(-1, keepdims=True)
    normal = centred / jax.numpy.sqrt((centred**2).mean(-1, keepdims=True) + network.tiny)
    return ((normal * gain + offset - t) ** 2).sum() / n


# -------------------------------------------------------------------------------------------------------------- PyTorch


def mlp_torch(torch: Any, network: MLP, p: Any, x: Any, t: Any) -> Any:
    """Each layer is one product: its inputs have a column of ones for the biases."""
    *hidden, w_out = split_torch(network, p)
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    for w in hidden:
        x = torch.tanh(torch.cat([x, ones], 1) @ w.T)
    return ((torch.cat([x, ones], 1) @ w_out.T - t) ** 2).sum() / len(x)


def split_torch(network: Network, p: Any) -> list[Any]:
    """Return a matrix for each layer; the gradient of one split costs less than those of several slices."""
    parts = p.split([neurons * fan for neurons, fan in network.layers])
    return [part.view(shape) for part, shape in zip(parts, network.layers)]


def convolution_torch(torch: Any, network: Convolution, p: Any, x: Any, t: Any) -> Any:
    linear, convolve = torch.nn.functional.linear, torch.nn.functional.conv2d
    layers = split_torch(network, p)
    (w1, b1), (w2, b2), (w3, b3) = (layer.split([layer.shape[1] - 1, 1], 1) for layer in layers)
    (c1, c2), n = network.channels, len(x)
    h1 = torch.tanh(convolve(x[:, None], w1.reshape(c1, 1, 3, 3), b1[:, 0], stride=2))
    h2 = torch.tanh(convolve(h1, w2.reshape(c2, c1, 3, 3), b2[:, 0]))
    return ((linear(h2.reshape(n, -1), w3, b3[:, 0]) - t) ** 2).sum() / n


def attention_torch(torch: Any, network: Attention, p: Any, x: Any, t: Any) -> Any:
    functional = torch.nn.functional
    n, tokens, width = x.shape
    square = width * width
    wi, wo, gain, offset = p.split([3 * square, square, width, width])
    heads = functional.linear(x, wi.view(-1, width)).view(n, tokens, 3, network.heads, -1).permute(2, 0, 3, 1, 4)
    found = functional.scaled_dot_product_attention(*heads.unbind())
    added = x + functional.linear(found.transpose(1, 2).reshape(x.shape), wo.view(width, width))
    return ((functional.layer_norm(added, (width,), gain, offset, network.tiny) - t) ** 2).sum() / n


# ------------------------------------------------------------------------------------------------------------- one call

NUMPY: dict[type, Callable[..., Any]] = {MLP: mlp_numpy, Convolution: convolution_numpy, Attention: attention_numpy}
NUMPY_TUNED: dict[type, Callable[..., Any]] = {MLP: mlp_numpy_tuned}
JAX: dict[type, Callable[..., Any]] = {MLP: mlp_jax, Convolution: convolution_jax, Attention: attention_jax}
JAX_TUNED: dict[type, Callable[..., Any]] = {MLP: mlp_jax_tuned, Convolution: convolution_jax_tuned}
TORCH: dict[type, Callable[..., Any]] = {MLP: mlp_torch, Convolution: convolution_torch, Attention: attention_torch}


def make_numpy(network: Network, tuned: bool = False) -> Step:
    return partial((NUMPY_TUNED if tuned else NUMPY)[type(network)], network, *numbers(network))


def make_value_c(network: MLP) -> Step:
    """Prepare the loss alone in C: `values_by_hand.c` has a function for each of some networks."""
    return by_hand.make_value_c("_".join(map(str, network.sizes)), numbers(network))


def make_jax(network: Network, tuned: bool = False) -> Step:
    """Prepare `jax.jit` of `value_and_grad` in float64, called with arrays that are on the device."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    loss = (JAX_TUNED if tuned else JAX)[type(network)]
    step = jax.jit(jax.value_and_grad(partial(loss, jax, network)))
    arguments = jax.device_put(numbers(network))
    return lambda: jax.block_until_ready(step(*arguments))


def make_torch(network: Network) -> Step:
    """Prepare tensors in float64; their gradients are found by PyTorch's autograd, in eager mode."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    loss = TORCH[type(network)]
    p, x, t = map(torch.from_numpy, numbers(network))
    p.requires_grad_()

    def step() -> Any:
        value = loss(torch, network, p, x, t)
        (gradient,) = torch.autograd.grad(value, p)
        return value.detach(), gradient

    return step
