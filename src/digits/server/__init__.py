"""The HTTP server: routes with request limits, metrics, and the page to draw on."""
