"""Names in model.yaml of the kinds of models that are energies of all atoms and give no charges."""

POTENTIAL, GRAND_POTENTIAL, MACE = "potential", "grand-potential", "mace"
