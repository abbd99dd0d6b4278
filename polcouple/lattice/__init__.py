"""The periodic cell: vectors and images, convolution over a lattice of sites, symmetry."""
