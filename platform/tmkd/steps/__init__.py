"""Steps: each makes one thing of a workspace where it is not there yet."""
