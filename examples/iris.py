"""Classification: a network tells three species of iris apart by the sizes of their flowers, named in a table."""

import random

from sklearn.datasets import load_iris

from autograd import fit, nn

table = load_iris()
xs, ys = table.data, table.target_names[table.target]
model = nn.Sequential(nn.Standardize.of(xs), nn.MLP(4, [8, 3], activation="tanh", rng=random.Random(1)))
history = fit(model, xs, ys, loss="cross_entropy", optimizer="adam", epochs=1000, validation=0.2, patience=50, seed=0)
found = [history.classes[i] for i in model.predict(xs).argmax(axis=1)]
print(history.classes)  # prints ['setosa', 'versicolor', 'virginica']
print(sum(found == ys) / len(ys) > 0.95)  # prints True
