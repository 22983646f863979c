"""This package owns the demonstration company and its planted truth."""
