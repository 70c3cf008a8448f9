"""The default source: the documentation of the Python packages installed on this machine."""
