"""Networks for energies of atoms, and forces as their derivative: NeuralIL."""
