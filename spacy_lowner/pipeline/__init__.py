"""spaCy components: labels, annotation, scoring."""
