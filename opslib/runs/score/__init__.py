"""This package owns the score: what was foretold and decided, beside what came."""
