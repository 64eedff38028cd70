"""Compile recorded graphs: lower them to a program of steps, print it as source, build it, and call it.

`compile.py` lists the backends; `backend.py` defines what a backend is.
"""
