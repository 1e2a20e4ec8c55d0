"""Read corpora of all common formats as Docs, clean, describe, sample and write them."""
