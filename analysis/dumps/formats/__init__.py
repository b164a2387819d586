"""One module a file format: what a file holds, and how its rows are read."""
