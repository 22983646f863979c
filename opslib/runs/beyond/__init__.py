"""This package owns running beyond one machine."""
