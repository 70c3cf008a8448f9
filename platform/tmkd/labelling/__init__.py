"""The Ray Data graph: corpus × teacher → soft labels."""
