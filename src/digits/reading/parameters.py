"""Parameters of reading, as plain data: for the page that reads drawings without a server.

The modules in `page/offline/` compute with these numbers, so that none is written down twice.
"""

from dataclasses import asdict
from typing import Any

from digits.reading import decode, line_network, orientation, reader
from digits.reading.confidence import CONFIDENCE
from digits.reading.ensemble import ENSEMBLE
from digits.reading.ink import drawings, glyphs, layout, ruled_lines
from digits.reading.ink.binarization import BINARIZATION
from digits.reading.ink.contrast import CONTRAST
from digits.reading.ink.hypotheses import HYPOTHESES
from digits.reading.ink.left_over import COVERED, MOST, PART_OF_HEIGHT
from digits.reading.ink.line_images import (
    MARGIN,
    MAX_WIDTH,
    MAX_ZOOM,
    PAD,
    SIDE_MARGIN,
    THIN,
    ZOOM,
)
from digits.reading.ink.page import PAGE
from digits.reading.ink.picture import PICTURE
from digits.reading.line_reader import LINE_READER
from digits.reading.line_views import LINE_VIEWS
from digits.reading.symbols import COLUMN_STEP, DIGIT_HEIGHT, LINE_HEIGHT, SYMBOLS
from digits.reading.word_reader import NUM_VIEWS, WORD_READER
from digits.reading.work import WORK


def offline_parameters() -> dict[str, dict[str, Any]]:
    """List what decides how a drawing is read, by stage: tuned numbers, limits and sizes."""
    return {
        "picture": {"min_side": PICTURE.min_side, "large": LINE_READER.large},
        "drawings": {"margin": drawings.MARGIN},
        "binarization": asdict(BINARIZATION),
        "contrast": asdict(CONTRAST),
        "ruled_lines": {
            **asdict(ruled_lines.RULED_LINES),
            "polygonal": PAGE.polygonal,
            **_constants(ruled_lines, "NUM_MEASURED", "MAX_POINTS", "STEEPEST", "ANGLE_STEP"),
        },
        "layout": {
            **asdict(layout.LAYOUT),
            **_constants(layout, "MAX_COMPONENTS", "MAX_WORDS", "LONG"),
        },
        "line_images": {
            "line_height": LINE_HEIGHT,
            "digit_height": DIGIT_HEIGHT,
            "column_step": COLUMN_STEP,
            "side_margin": SIDE_MARGIN,
            "pad": PAD,
            "max_width": MAX_WIDTH,
            "zoom": ZOOM,
            "max_zoom": MAX_ZOOM,
            "thin": THIN,
            "margin": MARGIN,
        },
        "glyphs": {
            **asdict(glyphs.GLYPH),
            **_constants(glyphs, "SIZE", "DIGIT_SIZE", "CENTRE", "LARGE_ELEMENT"),
        },
        "single": asdict(glyphs.SINGLE),
        "left_over": {"part_of_height": PART_OF_HEIGHT, "covered": COVERED, "most": MOST},
        "line_network": _constants(line_network, "MAX_PIXELS", "WIDER"),
        "line_views": asdict(LINE_VIEWS),
        "words": {**asdict(WORD_READER), "num_views": NUM_VIEWS},
        "decode": {"symbols": SYMBOLS, **_constants(decode, "NUM_EDITS")},
        "work": asdict(WORK),
        "hypotheses": asdict(HYPOTHESES),
        "orientation": _constants(
            orientation,
            "MAX_TURNED",
            "FEWEST_ON_ITS_SIDE",
            "FEWEST_UPSIDE_DOWN",
            "FEWEST_IN_COLUMN",
            "LONGER",
        ),
        "confidence": asdict(CONFIDENCE),
        "ensemble": asdict(ENSEMBLE),
        "reader": _constants(reader, "MOST_OF_ONE"),
    }


def _constants(module: object, *names: str) -> dict[str, Any]:
    return {name.lower(): getattr(module, name) for name in names}
