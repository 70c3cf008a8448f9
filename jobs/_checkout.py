"""Let a job find the `tmkd` that lies beside it, also where the checkout was uploaded to a cluster, not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
