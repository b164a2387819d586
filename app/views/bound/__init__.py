"""The page Bound and the parts that only it uses."""
