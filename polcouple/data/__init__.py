"""Datasets: frames of runs with the charges that backends assigned to them."""
