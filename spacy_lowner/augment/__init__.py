"""FactMix: make semi-factual examples of a corpus."""
