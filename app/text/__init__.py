"""What the dashboard says."""
