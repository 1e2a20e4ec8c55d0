"""Text in, Docs out: readers of every common format, writers, samplers, and a look at what a corpus holds."""
