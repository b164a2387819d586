"""Many layers over many epochs: the overview, the warnings, the history and the report."""
