"""The pymosn command."""
