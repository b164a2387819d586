"""Plotly figures: each function takes computed records and returns a figure, nothing else."""
