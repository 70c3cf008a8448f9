"""Teachers that are to be fine-tuned, and how good all of them are."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.train_teachers())
