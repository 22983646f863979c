"""This package owns housekeeping: status, pruning, backup, what changed between runs."""
