"""This package owns how answers look."""
