"""Many samples, and the recorded graph of one: what `predict` and `fit` share."""
