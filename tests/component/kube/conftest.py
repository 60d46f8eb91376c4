"""What the tests of `kube` share."""

from tests.support.lab import lab

__all__ = ["lab"]
