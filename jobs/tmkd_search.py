"""The student that is wanted (its depth, weights and rates) by trials: quality against time, and a pick from it."""

import sys

from tmkd.pipeline import jobs

if __name__ == "__main__":
    sys.exit(jobs.tmkd_search())
