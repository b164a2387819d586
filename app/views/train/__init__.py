"""The page Train and the parts that only it uses."""
