"""HTTP/2 (RFC 9113): frames, header compression, heads, the connection."""
