"""Self-consistent-charge DFTB of an electrode that does not move."""
