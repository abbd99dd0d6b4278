"""What finished runs say: densities, water, ions, charges in time, with the errors of their means."""
