"""spaCy components: labels, batching, annotation, scoring."""
