"""KnowFREE's knowledge workflow: what a language model or a tagger knows, as annotation for training."""
