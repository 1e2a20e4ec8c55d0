"""Encoders and language models of Hugging Face, and torch modules inside thinc."""
