"""Training: `fit` steps a model over data; its history, progress and plots."""
