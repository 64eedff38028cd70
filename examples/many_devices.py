"""Train the handwritten digits on many devices: a network written in scalars, and divided among devices by JAX.

    python examples/many_devices.py                             # eight devices of one process
    python examples/many_devices.py --start 2                   # two processes with four devices each
    python examples/many_devices.py --processes 2 --process 0   # the same by hand: this one in a terminal,
    python examples/many_devices.py --processes 2 --process 1   # and this one in another

The devices are parts of one processor, unless JAX_PLATFORMS says something else. docs/many-devices.md goes on to GPUs,
TPUs and many machines. Needs JAX, optax and scikit-learn: pip install jax optax scikit-learn
"""

import argparse
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

# What to do: all alone, as one of several processes, or start these.
DEVICES, WHERE = 8, "localhost:12321"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--start", type=int, choices=(2, 4, 8), help="start so many processes, and compare their losses")
parser.add_argument("--processes", type=int, default=1, choices=(1, 2, 4, 8), help="how many processes there are")
parser.add_argument("--process", type=int, default=0, metavar="K", help="which of them this is, from 0")
parser.add_argument("--coordinator", default=WHERE, metavar="HOST:PORT", help="where process 0 is (%(default)s)")
parser.add_argument("--cluster", action="store_true", help="ask SLURM, Open MPI, Kubernetes or Cloud TPU for all that")
parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="how long to wait for other processes")
arguments = parser.parse_args()
if not 0 <= arguments.process < arguments.processes:
    parser.error(f"--process is a number from 0 to {arguments.processes - 1}")
if not re.fullmatch(r".+:\d+", arguments.coordinator):
    parser.error("--coordinator is a host and a port, as in localhost:12321")


def start(processes: int) -> None:
    """Start this program so many times, and compare what the copies print. If one fails or is late, end them all."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # by an exception: `finally` ends the copies
    with socket.create_server(("localhost", 0)) as server:
        free = server.getsockname()[1]
    command = [sys.executable, __file__, f"--processes={processes}", f"--limit={arguments.limit}"]
    command += [f"--coordinator={f'localhost:{free}' if arguments.coordinator == WHERE else arguments.coordinator}"]
    copies: list[subprocess.Popen[str]] = []
    try:
        for k in range(processes):
            copies += [subprocess.Popen([*command, f"--process={k}"], stdout=subprocess.PIPE, text=True)]
        end = time.monotonic() + arguments.limit
        while None in (codes := [copy.poll() for copy in copies]) and not any(codes) and time.monotonic() < end:
            time.sleep(0.05)
        if codes != [0] * processes:
            failed = [k for k, code in enumerate(codes) if code]
            sys.exit(f"processes {failed} have failed" if failed else f"not done after {arguments.limit:g} s")
    finally:
        for copy in copies:
            copy.kill()
            copy.wait()
    texts = [copy.stdout.read() for copy in copies if copy.stdout]
    print(texts[0], end="")
    print(f"{processes} processes print the same:", len(set(texts)) == 1)


if arguments.start:
    start(arguments.start)
    sys.exit()
if arguments.processes > 1 and arguments.process == 0:
    host, port = arguments.coordinator.rsplit(":", 1)
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:  # JAX would crash
        sys.exit(
            f"process 0 cannot listen there: {error.strerror}. Pass another --coordinator than {host}:{port} to all"
        )

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import jax  # reads the two lines above
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

import autograd
from autograd import Value, grad

# One sample in scalars: a 64-32-10 network, neuron by neuron, and the loss.
rng = random.Random(0)
parameters: list[Value] = []


def neuron(inputs: Sequence[Value]) -> Value:
    weights, bias = [Value(rng.gauss(0, len(inputs) ** -0.5)) for _ in inputs], Value(0.0)
    parameters.extend([*weights, bias])
    net: Value = autograd.dot(weights, inputs) + bias
    return net


pixels, target = [Value(0.0) for _ in range(64)], [Value(0.1) for _ in range(10)]
hidden = [neuron(pixels).tanh() for _ in range(32)]
scores = [neuron(hidden) for _ in range(10)]
loss = autograd.logsumexp(scores) - autograd.dot(target, scores)

# A batch in arrays: the mean of the loss and of all gradients.
inputs = parameters, pixels, target
loss_and_gradients = autograd.compile(
    (loss, grad(loss, parameters)), inputs, in_axes=(None, 0, 0), reduce="mean", backend=jnp
)
print(f"{len(parameters)} parameters, fewer than 20 statements: {len(loss_and_gradients.arrays.splitlines()) < 20}")
# prints 2410 parameters, fewer than 20 statements: True


def join(processes: int, process: int, coordinator: str) -> None:
    """Meet the other processes, or end this one with a message. (JAX alone waits for minutes, and then aborts.)"""

    def give_up() -> None:
        message = f"after {arguments.limit:g} s, not all {processes} processes have come to {coordinator}: start"
        others = ", ".join(f"--process {k}" for k in range(processes) if k != process)
        print(f"process {process}: {message} {others} as well", file=sys.stderr, flush=True)
        os._exit(1)

    def end(*error: Any) -> None:  # at once: JAX would wait for the others, of which one may be the reason
        traceback.print_exception(*error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(arguments.limit, give_up)
    timer.daemon = True
    timer.start()
    patience = int(arguments.limit) + 60  # more than the timer's, whose message is clearer
    jax.distributed.initialize(
        coordinator, processes, process, coordinator_bind_address=coordinator, initialization_timeout=patience
    )
    timer.cancel()
    sys.excepthook = end
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for Gloo, which carries what CPUs say to each other, and says so


# From here on, it is a program as others that use JAX and optax.
if arguments.cluster:
    jax.distributed.initialize()
else:
    jax.config.update("jax_num_cpu_devices", DEVICES // arguments.processes)
    if arguments.processes > 1:
        join(arguments.processes, arguments.process, arguments.coordinator)

EPOCHS, BATCH, KNOWN = 12, 240, 1200
images, digits = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
images, targets = images[order] / 16, np.eye(10)[digits[order]]
optimizer = optax.adam(optax.linear_schedule(0.04, 0.0, EPOCHS * KNOWN // BATCH))


def step(p: jax.Array, state: Any, x: jax.Array, t: jax.Array) -> tuple[jax.Array, Any, jax.Array]:
    """Return parameters and the optimizer's state after a batch, and its loss."""
    mean_loss, gradients = loss_and_gradients(p, x, t)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(p, updates), state, mean_loss


def train(devices: list[jax.Device], share: slice) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """Train on these devices. Return parameters, losses, and how the devices communicate.

    The parameters are on each device, and a batch is divided among them: `share` is the part of this process.
    """
    mesh = Mesh(devices, ("batch",))
    everywhere, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch"))
    p = jax.make_array_from_process_local_data(everywhere, np.array([p.data for p in parameters]))
    state = jax.jit(optimizer.init, out_shardings=everywhere)(p)
    x, t = (jax.ShapeDtypeStruct((BATCH, size), p.dtype) for size in (64, 10))
    program = jax.jit(step, in_shardings=(everywhere, everywhere, divided, divided), out_shardings=everywhere)
    compiled, losses = program.lower(p, state, x, t).compile(), []
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(KNOWN)
        for batch in order.reshape(-1, BATCH):
            mine = batch[share]
            x = jax.make_array_from_process_local_data(divided, images[mine])
            t = jax.make_array_from_process_local_data(divided, targets[mine])
            p, state, mean_loss = compiled(p, state, x, t)
            losses.append(float(mean_loss))  # waits: Gloo hangs where two devices of a process are steps apart
    words = set(re.findall("all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter", compiled.as_text()))
    return np.asarray(p), np.array(losses), words


processes, process = jax.process_count(), jax.process_index()
many = jax.devices()
p, losses, words = train(many, slice(BATCH * process // processes, BATCH * (process + 1) // processes))
print(f"{len(many)} devices, {BATCH // len(many)} samples of a batch for each; they communicate by {words}")
# prints 8 devices, 30 samples of a batch for each; they communicate by {'all-reduce'}
print("losses:", *[f"{mean:.6f}" for mean in losses.reshape(EPOCHS, -1).mean(1)[::3]])
# prints losses: 1.771899 0.232620 0.123578 0.091998

alone, losses_alone, _ = train(jax.local_devices()[:1], slice(BATCH))
close = 1000 * np.finfo(p.dtype).eps
print("the same as on one device:", np.allclose(losses, losses_alone, close) and np.allclose(p, alone, close, close))
# prints the same as on one device: True

predict = autograd.compile(scores, (parameters, pixels), in_axes=(None, 0), backend=jnp)
right = np.argmax(predict(p, images[KNOWN:]), axis=1) == np.argmax(targets[KNOWN:], axis=1)
print("at least 95 % of the others are right:", right.mean() >= 0.95)
# prints at least 95 % of the others are right: True
