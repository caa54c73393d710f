"""The reader behind an address: routes, limits, and the page to draw on."""
