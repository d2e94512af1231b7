"""The benchmark of pymosn against its peers: `python -m bench --help`, and README.md here."""
