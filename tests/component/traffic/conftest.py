"""What the tests of `traffic` share."""

from tests.support.lab import lab

__all__ = ["lab"]
