"""History for a real Prometheus, by remote write: what a test cannot wait for. Start it with `RECEIVES`."""

from __future__ import annotations

import struct
import urllib.request
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

RECEIVES: Final = ("--web.enable-remote-write-receiver",)

_VARINT, _FIXED64, _BYTES = 0, 1, 2


Series = tuple[Mapping[str, str], Iterable[tuple[float, float]]]
"""Labels, with `__name__`, and pairs of unix seconds and value, ascending."""
_SERIES_A_REQUEST: Final = 500


def write(url: str, labels: Mapping[str, str], samples: Iterable[tuple[float, float]]) -> None:
    """Write one series.

    Args:
        labels: with `__name__`.
        samples: pairs of unix seconds and value, ascending. Series may be written one after the other to a Prometheus
            that holds nothing yet, as long as none ends more than an hour after the next one begins.
    """
    write_all(url, [(labels, samples)])


def write_all(url: str, series: Iterable[Series]) -> None:
    """Write many series, some hundred with each request."""
    waiting = iter(series)
    while part := list(islice(waiting, _SERIES_A_REQUEST)):
        _send(url, b"".join(_field(1, _encoded(labels, samples)) for labels, samples in part))


def _encoded(labels: Mapping[str, str], samples: Iterable[tuple[float, float]]) -> bytes:
    return b"".join(
        (
            *(_field(1, _label(name, labels[name])) for name in sorted(labels)),
            *(_field(2, _sample(at, value)) for at, value in samples),
        )
    )


def _send(url: str, content: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 - always http
        f"{url}/api/v1/write",
        data=_snappy(content),
        headers={
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - always http
        assert answer.status in {200, 204}


def _label(name: str, value: str) -> bytes:
    return _field(1, name.encode()) + _field(2, value.encode())


def _sample(at: float, value: float) -> bytes:
    return _key(1, _FIXED64) + struct.pack("<d", value) + _key(2, _VARINT) + _varint(round(at * 1000))


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def _snappy(content: bytes) -> bytes:
    """The block format of snappy, with literals only: nothing is compressed."""
    parts = [content[start : start + 65_536] for start in range(0, len(content), 65_536)]
    literals = (b"\xf4" + struct.pack("<H", len(part) - 1) + part for part in parts)
    return _varint(len(content)) + b"".join(literals)
