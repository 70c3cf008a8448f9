"""The audit of a workspace: every file that a result rests on is compared with what was published."""
