"""This package owns how the budget could fail."""
