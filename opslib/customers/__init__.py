"""This package owns who the customers are and what they are worth."""
