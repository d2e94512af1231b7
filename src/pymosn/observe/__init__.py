"""Metrics, access logs and the error log."""
