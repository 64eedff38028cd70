"""Train a 64-32-10 network on the 1,797 handwritten digits that scikit-learn ships, 8 x 8 pixels each.

A third of them is held out for validation. Needs scikit-learn: pip install scikit-learn
"""

import argparse
import random
import time
from importlib.util import find_spec
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from autograd import fit, nn, optim

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--output", default="digits.png", help="where to save the picture, if matplotlib is installed (%(default)s)"
)
arguments = parser.parse_args()

pixels, digits = load_digits(return_X_y=True)
known, held_out, labels, held_out_labels = train_test_split(
    pixels / 16, digits, test_size=1 / 3, random_state=0, stratify=digits
)
print(len(known), len(held_out))  # prints 1198 599

EPOCHS, BATCH = 60, 32
STEPS = EPOCHS * -(-len(known) // BATCH)

begin = time.perf_counter()
model = nn.MLP(64, [32, 10], activation="tanh", init="xavier", rng=random.Random(0))
history = fit(
    model,
    known,
    labels,
    loss=nn.cross_entropy,
    optimizer=optim.Adam(lr=lambda step: 0.01 * (1 - step / STEPS)),
    epochs=EPOCHS,
    batch_size=BATCH,
    validation=(held_out, held_out_labels),
    seed=0,
)
seconds = time.perf_counter() - begin
print(f"at least 97 % of the held-out digits: {history.validation_accuracy[-1] >= 0.97}")
# prints at least 97 % of the held-out digits: True
print(f"in under 20 seconds, with compiling: {seconds < 20}")  # prints in under 20 seconds, with compiling: True

if find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    history.plot(left)
    scores = [score.data for score in model(held_out[0])]
    right.imshow(held_out[0].reshape(8, 8), cmap="gray_r")
    right.set_title(f"digit {held_out_labels[0]}, classified as {scores.index(max(scores))}")
    figure.savefig(Path(arguments.output))
