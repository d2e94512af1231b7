"""RPC protocols: frames with an id, many under way on one connection (spec §3.1, §3.5-3.9)."""
