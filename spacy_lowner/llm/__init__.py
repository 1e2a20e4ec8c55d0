"""Language models: one client for any OpenAI-compatible server, its cache, and recorded replies."""
