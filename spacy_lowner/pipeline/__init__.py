"""spaCy pipeline components, their labels and annotations."""
