"""``pymosn`` whose ticket keys are rotated when a test says so, not every twelve hours.

``python -m tests.support.rotating …``: a key is due whenever the file that ``ROTATE`` names exists.
"""

import os
from pathlib import Path

from pymosn.cli.main import main
from pymosn.lifecycle import secrets, supervisor


class Ring(secrets.TicketKeyRing):
    """Rotates on demand."""

    def rotate_if_due(self) -> bool:
        """Make a new key if the test asks for one; the file is gone when it is about to be used."""
        asked = Path(os.environ["ROTATE"])
        if not asked.exists():
            return False
        self._rotated -= secrets.ROTATION_SECONDS
        assert super().rotate_if_due()
        asked.unlink()
        return True


if __name__ == "__main__":
    supervisor.TicketKeyRing = Ring  # type: ignore[misc]
    supervisor.CHECK_SECONDS = 0.05  # type: ignore[misc]
    main()
