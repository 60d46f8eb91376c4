"""What the tests of `workload` share."""

from tests.support.lab import lab

__all__ = ["lab"]
