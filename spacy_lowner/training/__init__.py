"""Additions to spaCy's training: start from a source, learning rates by group, bfloat16, batches of similar length."""
