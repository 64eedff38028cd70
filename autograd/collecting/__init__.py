"""The leaves that a model holds, and their names: what a walk over its parts collects, and what it leaves out."""
