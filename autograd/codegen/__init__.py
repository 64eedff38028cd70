"""Recorded graphs as functions: a graph is lowered to a program of steps, which a backend prints as source and runs."""
