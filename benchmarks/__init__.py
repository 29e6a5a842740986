"""What things cost, beside PyTorch and other peers: `python -m benchmarks NAME... | all`."""
