"""Purposes of the seeds that are derived from a recipe's, so that no two draw the same numbers.

Weights and dropout draw from torch's global generator.
"""

ORDER = 1
"""Order of the images in an epoch."""

AUGMENT = 2
"""Changes of the images."""

STYLES = 3
"""Styles of the digits that lines are composed of."""

COMPOSE = 4
"""Composition of lines."""

CALIBRATE = 5
"""Changes of the images that a temperature is found on."""
