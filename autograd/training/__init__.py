"""Train models: `fit`, the history of a run, its progress and plots."""
