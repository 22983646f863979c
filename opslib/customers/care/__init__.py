"""This package owns what is done for each customer: calendar, plan, record."""
