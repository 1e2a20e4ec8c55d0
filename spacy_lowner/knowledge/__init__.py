"""The workflow of KnowFREE: annotation for training from a language model or a tagger."""
