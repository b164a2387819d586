"""The page Methods and the parts that only it uses."""
