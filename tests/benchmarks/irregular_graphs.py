"""Graphs without the regularity of layers: sums of different lengths, of operands from anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import autograd
from autograd import Value

Recording = tuple[Value, tuple[list[Value], ...]]
"""A loss, and the lists of Values that it depends on, the parameters first."""


def _leaves(draw: random.Random, count: int) -> list[Value]:
    return [Value(draw.uniform(-1, 1)) for _ in range(count)]


def _lengths(draw: random.Random, terms: int, most: int) -> list[int]:
    """Return random lengths from 1 to `most`, at least `terms` together."""
    lengths: list[int] = []
    while sum(lengths) < terms:
        lengths.append(draw.randint(1, most))
    return lengths


def sparse_layer(terms: int) -> Recording:
    """Record a layer whose neurons have 1 to 31 inputs each; the parameters are its weights."""
    draw = random.Random(0)
    inputs = _leaves(draw, terms // 16)
    rows = [_leaves(draw, length) for length in _lengths(draw, terms, 31)]
    sums = [autograd.dot(row, draw.sample(inputs, len(row))) for row in rows]
    return autograd.sum([x.tanh() for x in sums]), ([x for row in rows for x in row], inputs)


def sparse_network(terms: int) -> Recording:
    """Record layers of 200 neurons, each with 1 to 23 inputs from the layer before."""
    draw = random.Random(1)
    inputs = neurons = _leaves(draw, 200)
    weights: list[Value] = []
    while len(weights) < terms:
        rows = [_leaves(draw, draw.randint(1, 23)) for _ in range(200)]
        neurons = [autograd.dot(row, draw.choices(neurons, k=len(row))).tanh() for row in rows]
        weights += [x for row in rows for x in row]
    return autograd.sum(neurons), (weights, inputs)


def ragged_attention(terms: int, width: int = 4) -> Recording:
    """Record attention in which each token sees some of the others; the parameters are all queries, keys and values."""
    draw = random.Random(2)
    count = round((terms / width) ** 0.5)
    numbers = _leaves(draw, 3 * count * width)
    rows = [numbers[i : i + width] for i in range(0, len(numbers), width)]
    queries, keys, values = (rows[i * count : (i + 1) * count] for i in range(3))

    def attended(query: Sequence[Value]) -> list[Value]:
        seen = sorted(draw.sample(range(count), draw.randint(1, count - 1)))
        scores = [autograd.exp(autograd.dot(query, keys[i])) for i in seen]
        total = autograd.sum(scores)
        return [autograd.dot(scores, [values[i][k] for i in seen]) / total for k in range(width)]

    return autograd.sum([x * x for query in queries for x in attended(query)]), (numbers,)


def page_rank(terms: int, rounds: int = 3) -> Recording:
    """Record rounds of PageRank on a random graph whose links mostly go to few pages; the parameters are its start."""
    draw = random.Random(3)
    links = terms // rounds
    pages = links // 8
    start = ranks = _leaves(draw, pages)
    sources: list[list[int]] = [[] for _ in range(pages)]
    going_out = [0] * pages
    for _ in range(links):
        source = draw.randrange(pages)
        sources[int(pages * draw.random() ** 2)].append(source)
        going_out[source] += 1
    for _ in range(rounds):
        shares = [rank / max(1, count) for rank, count in zip(ranks, going_out)]
        ranks = [0.15 / pages + 0.85 * autograd.sum([shares[i] for i in source]) for source in sources]
    return autograd.sum([x * x for x in ranks]), (start,)


TERMS = 10_000
GRAPHS: dict[str, Callable[[int], Recording]] = {
    "sparse layer": sparse_layer,
    "sparse network": sparse_network,
    "ragged attention": ragged_attention,
    "PageRank": page_rank,
}
