"""This package owns what customers want and what they would pay."""

from opslib.market import design, replicates, weights

__all__ = ["design", "replicates", "weights"]
