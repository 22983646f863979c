"""This package owns how notebooks are run and what is kept of a run."""
