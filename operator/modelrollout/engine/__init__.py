"""What to do next: pure functions of what was observed. No I/O, no clock, no randomness."""
