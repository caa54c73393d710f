"""Reference pages that are made from the code: what each says can't differ from what it does.

Each module has a function `page`, which returns the Markdown that takes the place of a document's
comment `<!-- generated: MODULE -->`.
"""
