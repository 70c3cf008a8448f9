"""The student that is wanted (its depth, weights and rates) by trials: quality against time, and a pick from it."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.tmkd_search())
