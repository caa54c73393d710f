"""The handbook's site: what makes pages of the documents, the notebooks and the code."""
