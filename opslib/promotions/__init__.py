"""This package owns which promotion paid."""
