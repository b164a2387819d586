"""Bytes of files and archives: where they are, what was seen of them, where they come from."""
