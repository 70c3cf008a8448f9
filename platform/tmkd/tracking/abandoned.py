"""Runs whose process is gone without having ended them: killed, or on a machine that lost its power."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import psutil

from tmkd.tracking.runs import RunHandle, Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS_TAG = "tmkd.process"
"""Tag of a job's run: host, process id and start time of the process that will end it."""


def this_process() -> str:
    """Return the value of `PROCESS_TAG` for runs of this process."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def end_abandoned(tracker: Tracker) -> None:
    """End the runs of this experiment, with their children, that a process of this host left running when it died."""

    def call(client: MlflowClient) -> list[str]:
        experiment = tracker.experiment_id(client)
        found = client.search_runs([experiment], f"attributes.status = 'RUNNING' and tags.`{PROCESS_TAG}` != ''")
        gone = [run.info.run_id for run in found if _is_gone(run.data.tags[PROCESS_TAG])]
        for run_id in gone:
            client.set_terminated(run_id, "KILLED")
        return gone

    for run_id in tracker.connection.attempt("end what was left running", call) or []:
        tracker.end_children(RunHandle(tracker.connection, run_id))


def _is_gone(process: str) -> bool:
    """Tell whether a process of this host is gone; of other hosts nothing is known."""
    try:
        host, pid, started = process.rsplit(" ", 2)
        if host != socket.gethostname():
            return False
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > 1.5  # another one of that number
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False
