"""What belongs to a visitor or to the server: the chosen batch, widgets, caches and services."""
