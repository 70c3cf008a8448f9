"""Stage 2 on golden and soft labels, and everything before it that is not there yet."""

import sys

import _checkout  # noqa: F401 - the tmkd beside it
from tmkd.app import jobs

if __name__ == "__main__":
    sys.exit(jobs.tmkd_finetune())
