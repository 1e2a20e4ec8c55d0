"""What training needs beyond spaCy: starting from a source, two learning rates, bfloat16, batches by length."""
