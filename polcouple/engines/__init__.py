"""What computes the classical forces."""
