"""The pose graph and its solvers."""
