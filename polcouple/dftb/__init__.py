"""Self-consistent-charge DFTB of an electrode that does not move, and of atoms that do."""
