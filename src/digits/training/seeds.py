"""Purposes of the seeds that are derived from a recipe's, so that no two draw the same numbers.

Weights draw from torch's global generator, and so does dropout where a batch is one shard.
"""

ORDER = 1
"""Order of the images in an epoch."""

AUGMENT = 2
"""Changes of the images."""

STYLES = 3
"""Styles of the digits that lines are composed of."""

COMPOSE = 4
"""Composition of lines."""

DROPOUT = 5
"""Dropout in the shards of a batch."""

CALIBRATE = 6
"""Changes of the images that a temperature is found on."""

CORRECT = 7
"""Changes and views of corrections."""

REHEARSE = 8
"""Images that are rehearsed beside corrections."""

SEARCH = 9
"""Settings that a search tries."""
