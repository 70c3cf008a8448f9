"""Command line: switches, one job from its start to its end, and what is shown of it."""
