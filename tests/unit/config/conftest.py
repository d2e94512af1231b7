"""MOSN's samples are tested only where a checkout of MOSN is named."""

import os

collect_ignore = [] if os.environ.get("MOSN_SOURCE") else ["test_config_mosn_samples.py"]
