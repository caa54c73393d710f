"""Formats of picture files: those that are read, and the signatures and suffixes of others."""

import re
from typing import NamedTuple

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""Formats that are read; Pillow's decoders of others are less tested."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""Suffixes of files in these formats."""

SIGNATURE_BYTES = 1024
"""Bytes at the beginning of a file among which a signature is looked for."""


class OtherFormat(NamedTuple):
    """A format that people have pictures in, and that is not read."""

    name: str
    signature: re.Pattern[bytes]
    """What a file in it begins with."""
    suffixes: frozenset[str]


def _other(name: str, signature: bytes, *suffixes: str) -> OtherFormat:
    return OtherFormat(name, re.compile(signature, re.DOTALL), frozenset(suffixes))


OTHER_FORMATS = (
    _other("AVIF", rb"....ftypavi[fs]", ".avif"),
    _other("HEIC", rb"....ftyp(hei|hev|mif1|msf1)", ".heic", ".heif"),
    _other("JPEG 2000", rb"....jP  \r\n|\xff\x4f\xff\x51", ".jp2", ".j2k", ".jpx"),
    _other("JPEG XL", rb"....JXL \r\n|\xff\x0a", ".jxl"),
    _other("PDF", rb".*%PDF-", ".pdf"),
    _other("PPM", rb"P[1-7]\s", ".ppm", ".pgm", ".pbm", ".pnm", ".pam"),
    _other("SVG", rb"\s*(<\?xml.*)?<svg\b", ".svg"),
)

OTHER_SUFFIXES = frozenset().union(*(other.suffixes for other in OTHER_FORMATS))
"""Suffixes of files that hold pictures, too, but are not read."""


def name_other_format(beginning: bytes) -> str | None:
    """Name the format of a file that is not read by its first bytes; None if it is not known."""
    return next((one.name for one in OTHER_FORMATS if one.signature.match(beginning)), None)


USUAL_SIGNATURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP|GIF8[79]a|II[*+]\0|MM\0[*+]"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",  # BM and the size of the header that follows
    re.DOTALL,
)
"""What a file in one of the usual formats, `FORMATS`, begins with."""
