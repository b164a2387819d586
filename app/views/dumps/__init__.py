"""The page Dumps and the parts that only it uses."""
