"""Frames of trajectories, of i-PI's own and of other programs' formats, checked against a case."""
