"""Which student: trials of stage 2 under Ray Tune, the speed of every shape, and the Pareto front of both."""
