"""The pages: a folder each, with the parts that only it uses."""
