"""Local and nonlocal models of the electrode's charges on the same frames."""
