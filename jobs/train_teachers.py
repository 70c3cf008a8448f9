"""Teachers that are to be fine-tuned, and how good all of them are."""

import sys

from tmkd.pipeline import jobs

if __name__ == "__main__":
    sys.exit(jobs.train_teachers())
