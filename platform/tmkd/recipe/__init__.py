"""What a run is: every value of it, checked as a whole, and the paper's regimes as values."""
