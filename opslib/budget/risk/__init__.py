"""This package owns the simulation of a budget and its exact risk numbers."""
