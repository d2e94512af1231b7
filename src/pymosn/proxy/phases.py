"""The phases of an exchange, in the order in which ``ProxyStream`` walks them."""

from typing import Final

BEFORE_ROUTE: Final = 0
MATCH_ROUTE: Final = 1
AFTER_ROUTE: Final = 2
CHOOSE_HOST: Final = 3
AFTER_HOST: Final = 4
SEND: Final = 5
UPSTREAM: Final = 6
"""Waiting for the upstream: a connection, the end of the request, the response."""
BEFORE_SEND: Final = 7
RESPOND: Final = 8
TUNNEL: Final = 9
DONE: Final = 10
