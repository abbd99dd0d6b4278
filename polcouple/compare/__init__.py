"""A/B validation: the same frames through several backends, and the runs they drive, in numbers and pictures."""
