"""Processes that open files which a server should not."""
