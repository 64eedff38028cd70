"""The program of "Training a single neuron": a neuron learns to multiply 0.01 by 10, in 100,000 steps."""

from autograd import Value, fit, optim
from autograd.nn import Neuron

neuron = Neuron(1, activation="tanh", weights=[0.5], bias=0.5)


def loss(output: Value, target: Value) -> Value:
    return (output - target) ** 2 / 2


print(f"before: {neuron(0.01).data}")  # prints before: 0.46604029847771505
history = fit(neuron, [0.01], [0.1], loss=loss, optimizer=optim.SGD(lr=0.01), epochs=100_000)
print(f"Trained output: {neuron(0.01).data}")  # prints Trained output: 0.1000000000000007
print(f"loss {history.losses[0]:.7f}, later {history.losses[999]:.3e}")  # prints loss 0.0669928, later 3.731e-10
