"""FactMix: semi-factual examples of a corpus."""
