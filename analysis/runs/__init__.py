"""Runs on disk: the library, their state, and the jobs that train them."""
