"""The example that trains on many devices: two processes, and what happens when they do not meet."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from needs import need_packages

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "many_devices.py"
PAGE = ROOT / "docs" / "many-devices.md"


@pytest.fixture(autouse=True)
def packages() -> None:
    need_packages(EXAMPLE.name, "jax", "optax", "sklearn")
    if sys.platform == "win32":
        pytest.skip("processes have no groups there")


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the example, check that it leaves no process behind, and return its code and what it printed."""
    command = [sys.executable, str(EXAMPLE), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        output, errors = process.communicate(timeout=300)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return process.returncode, output, errors


def test_two_processes_train_as_eight_devices_of_one_do() -> None:
    promised = re.findall(r"# prints (.*)", EXAMPLE.read_text(encoding="utf-8"))  # by one process, as another test sees
    code, output, errors = run("--start", "2")
    assert code == 0, errors
    *lines, last = output.splitlines()
    assert lines == promised
    assert last == "2 processes print the same: True"


def test_the_page_shows_what_the_example_prints() -> None:
    promised = re.findall(r"# prints (.*)", EXAMPLE.read_text(encoding="utf-8"))
    alone = "".join(f"    {line}\n" for line in ["$ python examples/many_devices.py", *promised])
    two = ["$ python examples/many_devices.py --start 2", *promised, "2 processes print the same: True"]
    page = PAGE.read_text(encoding="utf-8")
    assert alone in page
    assert "".join(f"    {line}\n" for line in two) in page


def test_parameters_and_the_state_of_the_optimizer_may_be_divided_too() -> None:
    """As the page says: padded to a multiple of the number of devices."""
    program = """
import random
import autograd, jax, jax.numpy as jnp, optax
from autograd import Value, grad
from jax.sharding import Mesh, NamedSharding, PartitionSpec

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
rng = random.Random(0)
weights, x, t = [Value(rng.gauss(0, 1)) for _ in range(29)], [Value(0.0) for _ in range(3)], Value(0.0)
hidden = [autograd.dot(weights[i : i + 3], x).tanh() for i in range(0, 21, 3)]
loss = (autograd.dot(weights[21:28], hidden) + weights[28] - t) ** 2
f = autograd.compile((loss, grad(loss, weights)), (weights, x, t), in_axes=(None, 0, 0), reduce="mean", backend=jnp)
optimizer = optax.adam(0.05)

def step(p, state, x, t):
    mean_loss, gradients = f(p[:29], x, t)
    updates, state = optimizer.update(jnp.pad(gradients, (0, 3)), state)
    return optax.apply_updates(p, updates), state, mean_loss

mesh = Mesh(jax.devices(), ("batch",))
everywhere, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch"))
rng = jax.random.key(0)
batch = jax.device_put((jax.random.normal(rng, (8, 3)), jnp.arange(8.0)), divided)
ends = []
for placed in (everywhere, divided):
    p = jax.device_put(jnp.array([v.data for v in weights] + [0.0] * 3), placed)
    state = optimizer.init(p)
    places = jax.tree.map(lambda a: placed if a.ndim else everywhere, state)
    program = jax.jit(step, in_shardings=(placed, places, divided, divided), out_shardings=(placed, places, everywhere))
    state = jax.device_put(state, places)
    for _ in range(20):
        p, state, mean_loss = program(p, state, *batch)
    ends.append(p)
    print([shard.data.size for shard in p.addressable_shards], [a.addressable_shards[0].data.size for a in state[0]])
assert jnp.allclose(*ends, rtol=1e-12), ends
assert abs(ends[0] - jnp.array([v.data for v in weights] + [0.0] * 3)).max() > 0.1
"""
    output = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT)
    assert output == "[32, 32, 32, 32] [1, 32, 32]\n[8, 8, 8, 8] [1, 8, 8]\n"


def test_a_process_that_is_alone_gives_up() -> None:
    code, output, errors = run("--processes=2", "--process=1", "--limit=0.5", "--coordinator=localhost:1")
    assert code == 1
    assert "losses" not in output
    assert errors.splitlines()[-1] == (
        "process 1: after 0.5 s, not all 2 processes have come to localhost:1: start --process 0 as well"
    )


def test_processes_that_cannot_meet_are_all_ended() -> None:
    with socket.create_server(("localhost", 0)) as taken:
        where = f"localhost:{taken.getsockname()[1]}"
        code, output, errors = run("--start=2", f"--coordinator={where}")
    assert (code, output) == (1, "")
    first, last = errors.splitlines()
    assert re.fullmatch(f"process 0 cannot listen there: .* Pass another --coordinator than {where} to all", first)
    assert last == "processes [0] have failed"
