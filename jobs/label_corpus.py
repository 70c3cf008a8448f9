"""Soft labels: every teacher scores the corpus."""

import sys

from tmkd.pipeline import jobs

if __name__ == "__main__":
    sys.exit(jobs.label_corpus())
