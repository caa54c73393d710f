"""Formats of picture files: those that are read, and the signatures and suffixes of others."""

import re
from importlib.util import find_spec
from typing import NamedTuple

USUAL = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""Usual formats, by Pillow's names; its decoders of others are less tested."""

USUAL_SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif"),
        *(".webp", ".bmp", ".tif", ".tiff", ".gif"),
    }
)

JPEG = b"\xff\xd8\xff"
"""What a JPEG begins with."""

SIGNATURE_BYTES = 1024
"""Bytes at the beginning of a file among which a signature is looked for."""


class Format(NamedTuple):
    """A format that people have pictures in, besides the usual ones."""

    name: str
    signature: re.Pattern[bytes]
    """What a file in it begins with."""
    suffixes: frozenset[str]


def _format(name: str, signature: bytes, *suffixes: str) -> Format:
    return Format(name, re.compile(signature, re.DOTALL), frozenset(suffixes))


APART = (
    # Of brands that several formats have, the compatible ones tell, of four letters each.
    _format("AVIF", rb"....ftyp(avi[fs]|(mif1|msf1)(....){1,16}?avi[fs])", ".avif"),
    _format("HEIC", rb"....ftyp(hei|hev|mif1|msf1)", ".heic", ".heif", ".hif"),
    _format(
        "JPEG 2000",
        rb"....jP  \r\n|\xff\x4f\xff\x51",
        *(".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    ),
    _format("PDF", rb".{0,1019}?%PDF-\d", ".pdf"),
    _format("PPM", rb"P[1-6]\s+(#|\d)", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Formats that are decoded in a process of their own."""

PACKAGES = {"HEIC": "pi_heif", "PDF": "pypdfium2"}
"""Packages of an extra that decode a format, as they are imported."""

NOT_READ = (
    _format("JPEG XL", rb"....JXL \r\n|\xff\x0a", ".jxl"),
    _format("PAM", rb"P7\s", ".pam"),
    _format("SVG", rb"\s*(<\?xml.*)?<svg\b", ".svg"),
)
"""Formats that are not read."""

NAMES = (*USUAL, *(one.name for one in APART))
"""Names of all formats that are read."""

SUFFIXES = USUAL_SUFFIXES.union(*(one.suffixes for one in APART))
"""Suffixes of files in formats that are read."""

OTHER_SUFFIXES = frozenset().union(*(other.suffixes for other in NOT_READ))
"""Suffixes of files that hold pictures, too, but are not read."""


USUAL_SIGNATURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP|GIF8[79]a|II[*+]\0|MM\0[*+]"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",  # BM and the size of the header that follows
    re.DOTALL,
)
"""What a file in one of the usual formats begins with."""


def name_apart(beginning: bytes) -> str | None:
    """Name the format of a file that is decoded in a process of its own; None for any other."""
    return _name(APART, beginning)


def name_format(beginning: bytes) -> str | None:
    """Name the format of a file that is none of the usual ones; None if it is not known."""
    return _name((*APART, *NOT_READ), beginning)


def missing_package(form: str) -> str | None:
    """Name the package that decodes a format and is not installed; None if it is, or needs none."""
    package = PACKAGES.get(form)
    return package if package and find_spec(package) is None else None


def suffixes_not_read() -> frozenset[str]:
    """Suffixes of files that hold pictures, too, but are not read here."""
    return OTHER_SUFFIXES.union(*(one.suffixes for one in APART if missing_package(one.name)))


def expected_a_picture(found: str, expected: tuple[str, ...] = NAMES) -> str:
    """Begin a message of what was expected, and what was found."""
    return f"Expected a picture ({', '.join(expected)}), found {found}"


def _name(formats: tuple[Format, ...], beginning: bytes) -> str | None:
    return next((one.name for one in formats if one.signature.match(beginning)), None)
