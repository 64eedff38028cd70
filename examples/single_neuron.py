"""The neuron of "Gradients for a single neuron": its gradients by calculus and by finite differences."""

from autograd import Value, check_gradients, faux_gradient
from autograd.nn import Neuron

neuron = Neuron(1, activation="tanh", weights=[0.5], bias=0.6)
x = Value(0.4, label="input")

output = neuron(x)
loss = (output - 0.7) ** 2 / 2
loss.backward()

weight, bias = neuron.parameters()
print(f"output {output:.4f}, loss {loss:.7f}")  # prints output 0.6640, loss 0.0006467
print(f"Weight gradient: {weight.grad:.4f}")  # prints Weight gradient: -0.0080
print(f"Bias gradient: {bias.grad:.4f}")  # prints Bias gradient: -0.0201
print(f"the same without calculus: {faux_gradient(loss, bias):.4f}")  # prints the same without calculus: -0.0201

verdicts = [line.verdict for line in check_gradients(loss)]
print(verdicts)  # prints ['ok', 'ok', 'ok']
