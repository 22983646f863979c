"""This package owns what the company's data is and where it is kept."""
