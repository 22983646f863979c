"""This package owns the budget itself: its tree, its draft, its workbook, its control."""
