"""``python -m pymosn``."""

from pymosn.cli.main import main

if __name__ == "__main__":
    main()
