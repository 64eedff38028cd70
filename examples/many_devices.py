"""Scalar code on many devices: data-parallel training by JAX, from the loss of one sample.

The loss of one sample is written in scalars, and `autograd.compile` turns it and its gradients into a function of
`jax.numpy`. The rest is JAX: `jax.vmap` runs it on a batch, and `jax.jit` divides the work among the devices according
to where the arguments are placed. Here the devices are eight parts of one processor; for eight GPUs, remove the two
lines that set the environment, and change nothing else. Needs JAX: pip install jax
"""

import math
import os
import random

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax  # reads the two lines above
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

import autograd
from autograd import Value, grad

jax.config.update("jax_enable_x64", True)

# One sample in scalars: a 2-16-1 network, the logistic loss for labels 1 and -1, and all gradients.
generator = random.Random(1)
hidden = [[Value(generator.uniform(-1, 1)) for _ in range(3)] for _ in range(16)]  # two weights and a bias each
*weights, bias = last = [Value(generator.uniform(-1, 1)) for _ in range(17)]
parameters = [p for unit in hidden for p in unit] + last
(x0, x1), label = point, _ = [Value(0.0), Value(0.0)], Value(1.0)
score = autograd.dot(weights, [(w0 * x0 + w1 * x1 + b).tanh() for w0, w1, b in hidden]) + bias
loss = autograd.softplus(-label * score)
one_sample = autograd.compile((loss, grad(loss, parameters)), (parameters, point, label), backend=jnp)


# One training step on a batch.
def step(p: jax.Array, points: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    losses, gradients = jax.vmap(one_sample, in_axes=(None, 0, 0))(p, points, labels)
    return p - 2.0 * gradients.mean(axis=0), losses.mean()


# 512 points in a disc, labelled by whether they lie near its center.
angles = [2 * math.pi * generator.random() for _ in range(512)]
radii = [math.sqrt(generator.random()) for _ in range(512)]
points = [[r * math.cos(a), r * math.sin(a)] for r, a in zip(radii, angles)]
labels = [1.0 if r < 0.6 else -1.0 for r in radii]


def train(everywhere: jax.sharding.Sharding, divided: jax.sharding.Sharding) -> tuple[jax.Array, list[float]]:
    """Train for fifty steps, parameters placed `everywhere`, the batch `divided`; return parameters and losses."""
    p = jax.device_put(jnp.array([p.data for p in parameters]), everywhere)
    batch = jax.device_put((jnp.array(points), jnp.array(labels)), divided)
    print(f"{len(batch[0].addressable_shards)} x {batch[0].addressable_shards[0].data.shape[0]} samples")
    compiled = jax.jit(step)
    losses = []
    for _ in range(50):
        p, mean_loss = compiled(p, *batch)
        losses.append(float(mean_loss))
    return p, losses


mesh = Mesh(jax.devices(), ("batch",))
many, losses = train(NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch")))
# prints 8 x 64 samples
print(f"trained on {len(many.devices())} devices: loss {losses[0]:.3f} to {losses[-1]:.3f}")
# prints trained on 8 devices: loss 0.995 to 0.541

alone = SingleDeviceSharding(jax.devices()[0])
one, losses_of_one = train(alone, alone)
# prints 1 x 512 samples
difference = abs(np.array(many) - np.array(one)).max() + abs(losses[-1] - losses_of_one[-1])
print("the same as on one device:", difference < 1e-12)  # prints the same as on one device: True
