"""Ray Train as fits of a tenth of a second need it: news of the workers every 0.2 s, no watch for lost machines."""

import os

os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
