"""MCQM: measures which types a pipeline confuses, and why."""
