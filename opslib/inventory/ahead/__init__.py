"""This package owns what will sell: means by many methods, spread, and their tests."""
