"""The corpus: sources, candidates, splits, shards."""

import sys

from tmkd.pipeline import jobs

if __name__ == "__main__":
    sys.exit(jobs.prepare_corpus())
