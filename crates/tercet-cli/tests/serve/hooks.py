"""Generates pictures for Schemathesis."""

import struct
import zlib

import schemathesis
from hypothesis import strategies


def png(drawn):
    """Greyscale pixels, 28 per row, as a PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = [drawn[i : i + 28] for i in range(0, len(drawn), 28)]
    header = struct.pack(">IIBBBBB", 28, len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


# Complete and truncated pictures.
whole = strategies.binary(min_size=28, max_size=28 * 28).map(
    lambda drawn: png(drawn[: len(drawn) // 28 * 28])
)
broken = strategies.tuples(whole, strategies.integers(0, 100)).map(lambda both: both[0][: both[1]])
schemathesis.openapi.media_type("image/png", whole | broken)
