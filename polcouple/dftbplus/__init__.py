"""Running the DFTB+ program: its input, its process, its output. No knowledge of molecular dynamics."""
