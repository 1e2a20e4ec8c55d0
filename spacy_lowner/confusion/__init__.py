"""MCQM: which types a model takes for each other, and why."""
