"""The paper's regimes, depths and weights over several seeds, with tests of what differs, in one report."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.compare())
