"""How often the judge is wrong and how fast it is right, simulated beside the usual rules on the same data."""
