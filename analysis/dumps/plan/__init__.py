"""The reading plan: names and axes with roles, how it is written, read and kept."""
