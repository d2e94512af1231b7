"""Exceptions that more than one layer raises or shows."""


class ConfigError(Exception):
    """A configuration cannot be used.

    Says where (``file`` and ``path``), what is wrong (``message``), and, when a value is at fault,
    what was ``found`` and what was ``expected``.  ``str()`` is one line, or two with the latter.
    """

    def __init__(
        self, message: str, *, file: str = "", path: str = "", found: str = "", expected: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.path = path
        """JSON path of the value at fault, such as ``$.servers[0].listeners[1].address``."""
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.path) if part)
        line = f"{where}: {self.message}" if where else self.message
        facts = []
        if self.found:
            facts.append(f"found {self.found}")
        if self.expected:
            facts.append(f"expected {self.expected}")
        return f"{line}\n  {', '.join(facts)}" if facts else line
