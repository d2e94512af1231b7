"""Files to the snapshot: MOSN's JSON and YAML, and the short form."""
