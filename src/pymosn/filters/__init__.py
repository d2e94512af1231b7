"""The built-in stream filters; each uses ``pymosn.api`` like anybody else's."""
