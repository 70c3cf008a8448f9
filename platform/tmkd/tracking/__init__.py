"""MLflow, thinly: runs with parameters, curves, tables, files and models, which never cost anyone a training run.

`open_tracker` gives a `Tracker`; its `Tracker.run` gives a `RunHandle`, which Ray workers may be sent. A server that
cannot be reached is named once in a warning and then left alone. MLflow itself is imported on first use.
"""

from tmkd.tracking.connection import Connection, warm_up
from tmkd.tracking.runs import RunHandle, Tracker, open_tracker

__all__ = ["Connection", "RunHandle", "Tracker", "open_tracker", "warm_up"]
