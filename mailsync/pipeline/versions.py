"""Versions of what the pipeline makes of a message; apart from it, since asking must not load a parser."""

from __future__ import annotations

MIME = 2
"""Of `mime.parse`: raised when the same bytes give another result."""
INDEX = MIME * 1000 + 2
"""Of `index.digest`: a higher one makes all documents anew. Its own share are the last three digits."""
