"""This package owns what to order, and when."""
