"""Events to streams: one request/response exchange over any codec."""
