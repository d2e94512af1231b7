"""The examples, run as their documentation says."""
