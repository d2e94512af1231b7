"""Supervisor, workers and the channel between them."""
