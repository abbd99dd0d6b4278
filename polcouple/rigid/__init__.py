"""Rigid bonds and molecules: solvers of constraints, and i-PI's motion with them."""
