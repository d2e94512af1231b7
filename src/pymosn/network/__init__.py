"""Sockets to bytes: the reactor, connections and listeners. Knows no protocol."""
