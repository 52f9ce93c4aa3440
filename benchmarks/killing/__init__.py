"""Runs of the flow that are killed and started again: shared by `benchmarks/kill_matrix.py` and its short test."""
