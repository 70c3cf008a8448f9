"""Every teacher, their ensemble, the baseline and the student, judged and timed."""

import sys

from tmkd.pipeline import jobs

if __name__ == "__main__":
    sys.exit(jobs.evaluate())
