"""Runs and samplings: what begins, goes on, and is refused."""
