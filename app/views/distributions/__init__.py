"""The page Distributions and the parts that only it uses."""
