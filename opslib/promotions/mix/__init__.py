"""This package owns the channel mix: carry-over, saturation, draws, curve, split."""
