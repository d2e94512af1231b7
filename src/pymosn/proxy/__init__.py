"""One request from downstream to upstream and back."""
