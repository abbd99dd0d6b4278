"""Networks that predict electrode charges: data, features, training, evaluation."""
