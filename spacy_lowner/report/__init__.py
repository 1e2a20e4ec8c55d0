"""Evaluation, experiment grids, result tables and plots."""
