"""How code is added: the registry and the table of built-ins."""
