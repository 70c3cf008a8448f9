"""Every teacher, their ensemble, the baseline and the student, judged and timed."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.evaluate())
