"""This package owns what to order: the simulator, order rules, plans, their worth."""
