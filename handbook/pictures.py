"""Pictures in Markdown: of two colour schemes, and those that move."""

import io
import re

from PIL import Image

STILL_AT = 0.8
"""Where in a moving picture, 0 to 1, its still is. Chosen by eye: there the number is read."""

_TWO_SCHEMES = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r"<img (?P<light>[^>]+)>\s*</picture>"
)
_MOVING = re.compile(r'<img [^>]*src="(?P<source>[^"]+)\.gif"[^>]*>')


def by_scheme(markdown: str) -> str:
    """Write a `<picture>` of two schemes as two images, of which the page's scheme shows one.

    GitHub shows a picture by what the system prefers; on the site, a switch has the last word.
    """

    def two(found: re.Match[str]) -> str:
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', found["light"]))
        alt = re.sub(r"([\[\]])", r"\\\1", attributes.pop("alt"))
        light = attributes.pop("src")
        others = "".join(f' {name}="{value}"' for name, value in attributes.items())
        return (
            f"![{alt}]({light}){{ .only-light loading=lazy{others} }}"
            f"![{alt}]({found['dark']}){{ .only-dark loading=lazy{others} }}"
        )

    return _TWO_SCHEMES.sub(two, markdown)


def still_if_wished(html: str) -> str:
    """Show the still picture in the place of one that moves, to who wishes less motion."""
    return _MOVING.sub(
        lambda found: (
            '<picture class="moving"><source media="(prefers-reduced-motion: reduce)" '
            f'srcset="{found["source"]}-still.png">{found[0]}</picture>'
        ),
        html,
    )


def still(gif: bytes) -> bytes:
    """Take the frame of a GIF that stands for all of it, as PNG."""
    with Image.open(io.BytesIO(gif)) as moving:
        moving.seek(int(STILL_AT * (getattr(moving, "n_frames", 1) - 1)))
        file = io.BytesIO()
        moving.convert("RGB").quantize().save(file, "PNG", optimize=True)
    return file.getvalue()
