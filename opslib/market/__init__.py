"""This package owns what customers want and what they would pay."""
