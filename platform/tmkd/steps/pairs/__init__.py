"""Steps that only pairs have."""
