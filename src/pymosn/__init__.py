"""pymosn: MOSN, the cloud-native L4/L7 proxy, in compiled Python."""

__version__ = "0.1.0"
