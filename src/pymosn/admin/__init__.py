"""The loopback admin API."""
