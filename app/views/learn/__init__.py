"""Learn: the lesson of nine steps, and what only it uses."""
