"""Binary classification: a network finds the points inside a circle, and is saved and loaded."""

import random
import tempfile

from autograd import fit, nn, optim

random.seed(0)
xs = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(300)]
ys = ["inside" if x * x + y * y < 0.5 else "outside" for x, y in xs]
model = nn.MLP(2, [8, 1], activation="tanh")
history = fit(model, xs, ys, loss="hinge", optimizer=optim.Adam(0.05), epochs=300, validation=0.25, seed=0)
model.save(path := tempfile.mkdtemp() + "/circle.json")
scores = nn.load(path).predict([[0.0, 0.0], [1.0, 1.0]])
print([history.classes[score > 0] for score in scores])  # prints ['inside', 'outside']
