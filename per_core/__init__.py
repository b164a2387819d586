"""PER regularisation and exact sliced Wasserstein distances to the standard normal, for PyTorch."""
