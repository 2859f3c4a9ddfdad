"""Scores and targets → `Verdict`: statistics, targets, guards, limits, scorecard. NumPy only, pure."""
