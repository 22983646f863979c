"""This package owns what customers will buy and what that is worth."""
