"""Soft labels: every teacher scores the corpus."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.label_corpus())
