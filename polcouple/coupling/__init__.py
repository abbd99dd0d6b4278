"""From positions to forces: what the electrode sees, its charges, and the engine's forces with them."""
