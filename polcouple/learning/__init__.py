"""Labels, training and scores of networks."""
