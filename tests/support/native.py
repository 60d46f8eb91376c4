"""Native histograms: made of values, as the HTTP API shows them and as a process exposes them to a scrape."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from modelrollout.analysis.ranges import Ranges
from modelrollout.metrics.natives import natives_in
from modelrollout.metrics.provider import Native

ZERO_THRESHOLD: Final = 2.0**-128
CONTENT_TYPE: Final = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM: Final = 4
_VARINT, _FIXED64, _BYTES = 0, 1, 2


@dataclass
class NativeHistogram:
    """A histogram whose buckets double in so many steps: 2 to the power of the schema.

    Attributes:
        positive, negative: counts by index; bucket i ends at 2^(i / 2^schema), away from zero.
    """

    schema: int = 3
    zero: int = 0
    positive: Counter[int] = field(default_factory=Counter)
    negative: Counter[int] = field(default_factory=Counter)
    total: int = 0
    sum: float = 0.0

    def observe(self, *values: float) -> None:
        """Count values; NaN counts, and lies in no bucket."""
        for value in values:
            self.total += 1
            self.sum += value
            if abs(value) <= ZERO_THRESHOLD:
                self.zero += 1
            elif not math.isnan(value):
                (self.positive if value > 0 else self.negative)[self._index(abs(value))] += 1

    def coarsen(self) -> None:
        """Halve the resolution, as a process with too many buckets does."""
        self.schema -= 1
        for buckets in (self.positive, self.negative):
            halved: Counter[int] = Counter()
            for index, count in buckets.items():
                halved[math.ceil(index / 2)] += count
            buckets.clear()
            buckets.update(halved)

    def bound(self, index: int) -> float:
        """The end of a bucket that is farther from zero."""
        return float(2.0 ** (index * 2.0**-self.schema))

    def answer(self) -> dict[str, Any]:
        """As the HTTP API shows it: buckets that hold something, ascending."""
        buckets: list[list[Any]] = [
            [1, str(-self.bound(index)), str(-self.bound(index - 1)), str(count)]
            for index, count in sorted(self.negative.items(), reverse=True)
        ]
        if self.zero:
            buckets.append([3, str(-ZERO_THRESHOLD), str(ZERO_THRESHOLD), str(self.zero)])
        buckets += [
            [0, str(self.bound(index - 1)), str(self.bound(index)), str(count)]
            for index, count in sorted(self.positive.items())
        ]
        return {"count": str(self.total), "sum": str(self.sum), **({"buckets": buckets} if buckets else {})}

    def native(self) -> Native:
        """As the operator reads it."""
        read = natives_in([[0, self.answer()]])
        assert read is not None
        return read[0][1]

    @property
    def ranges(self) -> Ranges:
        """Its counts as they stand."""
        return self.native().ranges

    def exposed(self, name: str, classic: Iterable[tuple[float, int]] = ()) -> bytes:
        """As a process exposes it to a scrape in protobuf, with the buckets of a classic one if there are any."""
        content = _number(1, self.total) + _double(2, self.sum)
        content += b"".join(_field(3, _number(1, count) + _double(2, edge)) for edge, count in classic)
        content += _number(5, _zigzag(self.schema)) + _double(6, ZERO_THRESHOLD) + _number(7, self.zero)
        content += _spans(9, 10, self.negative) + _spans(12, 13, self.positive)
        if not self.positive and not self.negative:
            # An empty span says that the histogram is a native one.
            content += _field(12, _number(1, 0) + _number(2, 0))
        family = _field(1, name.encode()) + _number(3, _HISTOGRAM) + _field(4, _field(7, content))
        return _varint(len(family)) + family

    def _index(self, value: float) -> int:
        guess = math.ceil(math.log2(value) * 2.0**self.schema)
        # A value that is a bound lies below it, whatever the logarithm is rounded to.
        return guess - 1 if value <= self.bound(guess - 1) else guess if value <= self.bound(guess) else guess + 1


def of(values: Iterable[float], schema: int = 3) -> NativeHistogram:
    """A histogram of these values."""
    made = NativeHistogram(schema)
    made.observe(*values)
    return made


def _spans(spans: int, deltas: int, buckets: Mapping[int, int]) -> bytes:
    held = sorted(index for index, count in buckets.items() if count)
    found, end = b"", 0
    for _, run in groupby(enumerate(held), key=lambda pair: pair[1] - pair[0]):
        indices = [index for _, index in run]
        found += _field(spans, _number(1, _zigzag(indices[0] - end)) + _number(2, len(indices)))
        end = indices[-1] + 1
    before = 0
    for index in held:
        found += _number(deltas, _zigzag(buckets[index] - before))
        before = buckets[index]
    return found


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _number(key: int, value: int) -> bytes:
    return _varint(key << 3 | _VARINT) + _varint(value)


def _double(key: int, value: float) -> bytes:
    return _varint(key << 3 | _FIXED64) + struct.pack("<d", value)


def _field(key: int, content: bytes) -> bytes:
    return _varint(key << 3 | _BYTES) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))
