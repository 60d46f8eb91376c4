"""What the numbers say: tests on counts, checks on values, verdicts.

Everything here is pure: no I/O, no clock, no import from the rest of the project. Times are data (unix seconds on the
clock of whoever measured), and nothing but `math` of the standard library does arithmetic.
"""
