"""Built-in stream filters, one feature a file; they import pymosn.api only."""
