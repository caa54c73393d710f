"""Paper: what pens, forms, paper and cameras do to the ink of a line."""

import cv2
import numpy as np
from jaxtyping import Float32

from digits.reading.symbols import DIGIT_HEIGHT, LINE_HEIGHT
from digits.training.composition.hands import Hands
from digits.training.composition.line import LineInk


def smooth_field(
    random: np.random.Generator, shape: tuple[int, ...], points: tuple[int, int]
) -> Float32[np.ndarray, "h w"]:
    """Draw a smooth random field of about unit variance."""
    drawn = random.normal(0, 1, points).astype(np.float32)
    return cv2.resize(drawn, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def redraw(line: LineInk, random: np.random.Generator) -> None:
    """Write the same line with another pen: thicker or thinner, harder or softer, bent, uneven."""
    ink, (height, width) = line.ink, line.ink.shape
    if random.random() < 0.6:
        soft = cv2.GaussianBlur(ink, (0, 0), random.uniform(0.6, 1.3))
        threshold, width_of_edge = random.uniform(0.15, 0.66), random.uniform(0.03, 0.14)
        ink = 1 / (1 + np.exp(-(soft - threshold) / width_of_edge))
        floor = 1 / (1 + np.exp(threshold / width_of_edge))
        ink = np.maximum(0, (ink - floor) / (1 - floor))
        ink /= max(0.3, float(ink.max()))
    if random.random() < 0.3:
        uneven = 1 + 0.35 * smooth_field(random, ink.shape, (3, max(3, width // 12)))
        ink = ink * np.clip(uneven, 0.2, 1.3)
    if random.random() < 0.5:
        amount = random.uniform(0.3, 1.3)
        points = (4, max(3, width // 12))
        y, x = np.mgrid[:height, :width].astype(np.float32)
        dx, dy = (amount * smooth_field(random, ink.shape, points) for _ in range(2))
        ink = cv2.remap(ink, x + dx, y + dy, cv2.INTER_LINEAR)
    if random.random() < 0.06:  # a dry pen
        grain = cv2.resize(
            random.random((height // 2, max(2, width // 2)), dtype=np.float32), (width, height)
        )
        ink = ink * (grain > random.uniform(0.05, 0.3))
    line.ink = np.ascontiguousarray(ink, dtype=np.float32)


def to_image(
    line: LineInk, hands: Hands, random: np.random.Generator
) -> tuple[Float32[np.ndarray, "h w"], list[tuple[float, float, float, float]]]:
    """Put a line on paper, and see it as the reader sees it: digits of about 20 pixels.

    Returns:
        Contrast from 0 to 1, 40 pixels high; and the box of each symbol on it.
    """
    redraw(line, random)
    boxes = np.array(line.boxes)
    if not len(boxes):
        return _without_ink(random), []
    low = boxes[:, 1].min(), boxes[:, 3].max()
    centre = random.choice(
        [0.5 * (low[0] + low[1]), float(np.median(boxes[:, [1, 3]].mean(axis=1)))]
    )
    scale = DIGIT_HEIGHT * float(np.exp(random.normal(0, 0.15))) / line.height
    stretch = float(np.exp(random.normal(0, 0.06)))
    pad = random.uniform(2, 10, 2)
    width = int(line.ink.shape[1] * scale * stretch + pad.sum()) + 1
    shift = LINE_HEIGHT / 2 + random.normal(0, 1.8) - centre * scale
    matrix = np.array([[scale * stretch, 0, pad[0]], [0, scale, shift]], np.float32)
    if scale < 1:
        blurred = cv2.GaussianBlur(line.ink, (0, 0), 0.45 * (1 / scale - 1) + 0.01)
    else:
        blurred = line.ink
    image = cv2.warpAffine(blurred, matrix, (width, LINE_HEIGHT))
    boxes = boxes * [matrix[0, 0], scale, matrix[0, 0], scale] + [pad[0], shift, pad[0], shift]
    pen = max(1, round(line.pen * scale * random.uniform(0.5, 1.1)))
    if random.random() < 0.4:
        _add_neighbours(image, hands, boxes, random)
    if random.random() < 0.38:
        _add_rules(image, boxes, pen, random)
    if random.random() < 0.06:
        _erase_lines(image, boxes, random)
    _add_ground(image, random)
    return np.clip(image, 0, 1), [tuple(box) for box in boxes.tolist()]


def _without_ink(random: np.random.Generator) -> Float32[np.ndarray, "h w"]:
    """Paper without ink: an empty cell of a form, with parts of its lines."""
    width = int(random.integers(24, 160))
    image = np.zeros((LINE_HEIGHT, width), np.float32)
    grey, pen = random.uniform(0.3, 1), int(random.integers(1, 4))
    for _ in range(random.integers(0, 4)):
        if random.random() < 0.5:
            x = random.choice(
                [random.uniform(0, 8), random.uniform(width - 8, width), random.uniform(0, width)]
            )
            lean = random.normal(0, 1)
            _line(image, (x - lean, -2), (x + lean, LINE_HEIGHT + 2), grey, pen)
        else:
            y = random.choice([random.uniform(0, 8), random.uniform(32, 40), random.uniform(0, 40)])
            _line(image, (-2, y), (width + 2, y + random.normal(0, 1.5)), grey, pen)
    _add_ground(image, random)
    return np.clip(image, 0, 1)


def _erase_lines(image: np.ndarray, boxes: np.ndarray, random: np.random.Generator) -> None:
    """Erase where a ruled line was: a gap in what it crossed."""
    tilt = np.tan(np.radians(random.normal(0, 1.5)))
    if random.random() < 0.7:
        y = random.choice(
            [float(np.median(boxes[:, 3])) + random.normal(0, 2), random.uniform(5, 35)]
        )
        start, end = (-2, y), (image.shape[1] + 2, y + tilt * image.shape[1])
    else:
        x = random.uniform(0, image.shape[1])
        start, end = (x, -2), (x + 40 * tilt, LINE_HEIGHT + 2)
    gap = np.zeros_like(image)
    _line(gap, start, end, 1.0, int(random.integers(1, 3)))
    image *= 1 - gap


def _add_neighbours(
    image: np.ndarray, hands: Hands, boxes: np.ndarray, random: np.random.Generator
) -> None:
    """Let ends of neighbouring lines and digits, and specks, reach in at the edges."""
    height, width = image.shape
    shapes = hands.stretch(random)
    for _ in range(random.integers(1, 4)):
        kind = random.random()
        if kind < 0.35:  # a speck
            x, y = random.uniform(0, width), random.uniform(0, height)
            size = random.uniform(0.3, 1.4)
            cv2.circle(
                image,
                (int(x * 16), int(y * 16)),
                int(size * 16),
                float(random.uniform(0.4, 1)),
                -1,
                cv2.LINE_8,
                4,
            )
            continue
        shape = shapes[random.integers(len(shapes))].pixels.astype(np.float32) / 255
        scale = random.uniform(0.8, 1.2)
        shape = cv2.resize(shape, None, fx=scale, fy=scale)
        if kind < 0.8:  # from the line above or below
            inside = int(random.uniform(2, 7))
            x = int(random.integers(0, max(1, width - shape.shape[1])))
            near = (boxes[:, 0] < x + shape.shape[1]) & (boxes[:, 2] > x)
            if random.random() < 0.5:
                room = boxes[near, 1].min() if near.any() else height / 2
                part = shape[-max(1, min(inside, int(room) - 1)) :]
                y = 0
            else:
                room = height - (boxes[near, 3].max() if near.any() else height / 2)
                part = shape[: max(1, min(inside, int(room) - 1))]
                y = height - len(part)
        else:  # from the left or the right
            inside = int(random.uniform(1, 4))
            if random.random() < 0.5:
                part, x = shape[:, -inside:], 0
            else:
                part, x = shape[:, :inside], max(0, width - inside)
            y = int(random.integers(0, max(1, height - len(part))))
        view = image[y : y + part.shape[0], x : x + part.shape[1]]
        np.maximum(view, part[: view.shape[0], : view.shape[1]], out=view)


def _line(image: np.ndarray, start: tuple, end: tuple, grey: float, pen: int) -> None:
    layer = np.zeros(image.shape, np.uint8)
    points = [tuple(int(16 * value) for value in point) for point in (start, end)]
    cv2.line(layer, *points, 255, pen, cv2.LINE_AA, 4)
    np.maximum(image, layer.astype(np.float32) * (grey / 255), out=image)


def _add_rules(image: np.ndarray, boxes: np.ndarray, pen: int, random: np.random.Generator) -> None:
    """Draw a ruled line, a form's box, a comb, or squared paper."""
    height, width = image.shape
    grey = random.uniform(0.2, 1)
    width_of_rule = int(random.choice([1, 1, 1, 2, pen]))
    tilt = np.tan(np.radians(random.normal(0, 1.5)))
    kind = random.random()
    foot = float(np.median(boxes[:, 3]))
    if kind < 0.42:  # lines below, sometimes above or through
        y = random.choice(
            [foot + random.normal(1.5, 2.0), random.uniform(0, height)], p=[0.75, 0.25]
        )
        step = random.uniform(24, 40)
        for offset in (0.0, step, -step)[: 1 if random.random() < 0.6 else 3]:
            _line(
                image, (-2, y + offset), (width + 2, y + offset + tilt * width), grey, width_of_rule
            )
    elif kind < 0.58:  # walls of a form's box before or after the digits, as high as the image
        lean, drawn = random.normal(0, 1), random.random()
        for x, side in (
            (boxes[:, 0].min() - random.uniform(1, 9), 0),
            (boxes[:, 2].max() + random.uniform(1, 9), 1),
        ):
            if drawn < 0.3 or (drawn < 0.65) == (side == 0):
                top, low = (
                    random.choice([0.0, random.uniform(0, 14)]),
                    random.choice([height, foot + random.uniform(0, 6)]),
                )
                _line(image, (x + lean, top), (x - lean, low), grey, width_of_rule)
        if random.random() < 0.6:
            y = foot + random.uniform(0, 5)
            _line(image, (-2, y), (width + 2, y + tilt * width), grey, width_of_rule)
    elif kind < 0.72:  # a box, or sides of it
        top, low = min(boxes[:, 1]) - random.uniform(1, 6), max(boxes[:, 3]) + random.uniform(1, 6)
        left, right = random.uniform(-2, 4), width - random.uniform(-2, 4)
        sides = [
            ((left, top), (right, top)),
            ((left, low), (right, low)),
            ((left, top), (left, low)),
            ((right, top), (right, low)),
        ]
        for start, end in sides:
            if random.random() < 0.6:
                _line(image, start, end, grey, width_of_rule)
    elif kind < 0.85:  # a comb: walls between digits
        gaps = (boxes[:-1, 2] + boxes[1:, 0]) / 2
        top = random.choice([0.0, random.uniform(0, height)])
        lean = random.normal(0, 0.7)
        for x in [2, *gaps, width - 2]:
            x += random.normal(0, 0.8)
            _line(image, (x + lean, top), (x - lean, height), grey, width_of_rule)
        if random.random() < 0.7:
            y = foot + random.uniform(1, 5)
            _line(image, (0, y), (width, y + tilt * width), grey, width_of_rule)
    else:  # squared paper
        step, angle = random.uniform(8, 26), np.radians(random.uniform(-5, 5))
        grey *= 0.8
        along, across = (
            np.array([np.cos(angle), np.sin(angle)]),
            np.array([-np.sin(angle), np.cos(angle)]),
        )
        middle, far = np.array([width / 2, height / 2]), width + height
        phase = random.uniform(0, step, 2)
        for k in np.arange(-far, far, step):
            for offset, direction, other in ((phase[0], along, across), (phase[1], across, along)):
                centre = middle + (k + offset) * other
                if abs(k + offset) < (height if direction is along else width):
                    _line(
                        image,
                        tuple(centre - far * direction),
                        tuple(centre + far * direction),
                        grey,
                        1,
                    )


def _add_ground(image: np.ndarray, random: np.random.Generator) -> None:
    """Blur, fade and grain the image, and put a pattern below the ink. Works in place."""
    height, width = image.shape
    if random.random() < 0.35:
        image[:] = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.0))
    image *= random.uniform(0.65, 1.15) if random.random() < 0.85 else random.uniform(0.35, 0.65)
    if random.random() < 0.22:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        angle, frequency = random.uniform(-np.pi, np.pi), random.uniform(0.6, 2.4)
        bent = 2 * smooth_field(random, image.shape, (4, max(4, width // 12)))
        wave = np.cos((x * np.cos(angle) + y * np.sin(angle) + bent) * frequency)
        np.maximum(image, np.maximum(0, wave) ** 2 * random.uniform(0.05, 0.28), out=image)
    if random.random() < 0.12:  # blots of a printed ground
        fine = smooth_field(random, image.shape, (height // 3, max(2, width // 3)))
        where = smooth_field(random, image.shape, (3, max(3, width // 20)))
        blots = np.clip(fine - random.uniform(0.3, 1.2), 0, 1) * (where > random.uniform(-0.5, 1))
        np.maximum(image, blots * random.uniform(0.1, 0.5), out=image)
    if random.random() < 0.35:
        image += random.normal(0, random.uniform(0, 0.12), image.shape).astype(np.float32)
    if random.random() < 0.15:
        image += 0.12 * smooth_field(random, image.shape, (4, 8))
    if random.random() < 0.35:
        np.clip(image, 0, 1, out=image)
        image **= np.exp(random.uniform(-0.7, 0.6))
