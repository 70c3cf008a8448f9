"""The corpus: sources, candidates, splits, shards."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.prepare_corpus())
