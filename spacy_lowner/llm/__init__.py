"""Talking to language models: one client for any OpenAI-compatible server, its cache, and replies from a file."""
