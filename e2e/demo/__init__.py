"""The product doing its job before one's eyes: `make demo`."""
