"""The page without a server: a folder of static files that reads drawings in the browser."""

from digits.static_page.folder import StaticPage, write_static_page

__all__ = ["StaticPage", "write_static_page"]
