"""CRC-32 checksums of a run's files, by which a flipped bit is found.

Two kinds, because a table grows and a JSON file is replaced:

- a table's `Checksum` is about its first bytes; `checksums.json` holds those of all tables;
- a JSON file ends with its own, under the key "crc32". People edit such files. So a checksum that does not
  fit means damage only where one flipped bit explains it; the checks of the fields judge everything else.

Files of older versions have none, and are read without.
"""

from __future__ import annotations

import functools
import re
import zlib
from dataclasses import dataclass

KEY = "crc32"
_SEALED = re.compile(rb'(.*),\n "crc32": "([0-9a-f]{8})"\n\}', re.DOTALL)


@dataclass(frozen=True)
class Checksum:
    """Of the first `length` bytes of a file that only grows."""

    length: int = 0
    crc32: int = 0

    def extended(self, content: bytes) -> Checksum:
        """After `content` was appended."""
        return Checksum(self.length + len(content), zlib.crc32(content, self.crc32))

    def fits(self, content: bytes) -> bool:
        return len(content) >= self.length and zlib.crc32(memoryview(content)[: self.length]) == self.crc32


def seal(text: bytes) -> bytes:
    """The JSON text of an object, one key a line, with its checksum as the last key; {} as it is."""
    if text == b"{}":
        return text
    return text[:-2] + f',\n "{KEY}": "{zlib.crc32(text):08x}"\n}}'.encode()


def is_flipped(text: bytes) -> bool:
    """True if one bit of what `seal` returned has changed since."""
    sealed = _SEALED.fullmatch(text)
    if sealed is None:
        return False
    content = sealed[1] + b"\n}"
    change = zlib.crc32(content) ^ int(sealed[2], 16)
    return change != 0 and _one_bit_makes(change, len(content))


def _one_bit_makes(change: int, length: int) -> bool:
    """True if one flipped bit in `length` bytes changes a CRC-32 by `change`. The effect of a bit follows
    from that of the same bit one byte later."""
    table = _effects()
    bits = [table[1 << bit] for bit in range(8)]
    for _ in range(length):
        if change in bits:
            return True
        bits = [table[effect & 255] ^ (effect >> 8) for effect in bits]
    return False


@functools.cache
def _effects() -> tuple[int, ...]:
    """How each value of the last byte changes a CRC-32, against a last byte of 0."""
    return tuple(zlib.crc32(bytes([value])) ^ zlib.crc32(b"\0") for value in range(256))
