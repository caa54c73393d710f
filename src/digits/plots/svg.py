"""Figures as SVG inside a page, whose colours are those of the page's scheme.

A figure is drawn once: each colour of the palette becomes a custom property, which the page's style
sheet sets. An image of one colour is in dark a mask through which the dark one is seen.
"""

import re
from dataclasses import asdict
from io import BytesIO
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure

from digits.plots.canvas import in_style
from digits.plots.colours import LIGHT, NAMES

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
DECIMALS = 4
"""Decimals of coordinates in points, 0 or more. The size of an image's pixels has as many, and six
hundred pixels in a row are to be a tenth of a point off at most."""


def to_svg(figure: Figure, *, name: str, label: str) -> str:
    """Render a figure as an SVG element for an HTML page that has the rules of `style_sheet`.

    Its text is text, in the page's font, and its images have as many pixels as their arrays.

    Args:
        figure: The figure, drawn in the light palette.
        name: Begin of the element's ids, another one for each figure of a page.
        label: What the figure shows, for a screen reader.

    Returns:
        The element.
    """
    buffer = BytesIO()
    with in_style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    ET.register_namespace("", SVG[1:-1])
    ET.register_namespace("xlink", XLINK[1:-1])
    drawn = ET.fromstring(buffer.getvalue())
    root = ET.Element(f"{SVG}svg", {"viewBox": drawn.attrib["viewBox"], "role": "img"})
    root.set("aria-label", label)
    root.set("style", "stroke-linejoin:round;stroke-linecap:butt")
    root.extend(drawn.findall(f"{SVG}g"))
    root.extend(drawn.findall(f"{SVG}defs")[1:])  # the first holds rules for the whole page
    _mask_images(root)
    text = ET.tostring(root, encoding="unicode")
    # Most ids are referred to by nothing, and would be the same in each figure.
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r" ?font-family: [^;\"]*;?", "", text)
    text = re.sub(r"-?\d+\.\d{4,}", lambda found: f"{float(found[0]):.{DECIMALS}f}", text)
    for field, colour in asdict(LIGHT).items():
        text = text.replace(colour, f"var(--figure-{field})")
    return re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", text))


def _mask_images(root: ET.Element) -> None:
    """Add to each image of one colour that colour in dark, seen through the image as a mask.

    In light, the image is seen itself: along the edge of a mask, some programs print a hairline.
    """
    colours = dict(zip(NAMES, asdict(LIGHT).values(), strict=True))
    for number, group in enumerate(list(root.iter(f"{SVG}g"))):
        for place, image in enumerate(list(group)):
            colour = colours.get(image.get("id", ""))
            if image.tag != f"{SVG}image" or colour is None:
                continue
            name = f"{number}.{place}"
            image.set("id", f"image{name}")
            both = ET.Element(f"{SVG}g", {"transform": image.attrib.pop("transform")})
            ET.SubElement(both, f"{SVG}g", {"class": "figure-light"}).append(image)
            size = {"x": "0", "y": "0"} | {side: image.attrib[side] for side in ("width", "height")}
            mask = ET.SubElement(
                both, f"{SVG}mask", {"id": f"mask{name}", "maskUnits": "userSpaceOnUse", **size}
            )
            mask.set("style", "mask-type:alpha")
            ET.SubElement(mask, f"{SVG}use", {f"{XLINK}href": f"#image{name}"})
            seen = ET.SubElement(both, f"{SVG}rect", {"class": "figure-dark", **size})
            seen.set("style", f"fill: {colour}")
            seen.set("mask", f"url(#mask{name})")
            group[place] = both
