"""Defaults of functions and commands. This module imports nothing, so that commands start fast."""

# The lowest probability of a span of an untrained type. It gave the best mean F1 on corpora that were held out of the
# training of the open source (docs/source.md).
UNTRAINED_THRESHOLD = 0.07
# Updates on the examples of a new type.
STEPS = 60
# Ways to choose raw text, if there is a limit, and the number of texts among which one is chosen by the last two.
CHOICES = ("first", "similar", "unsure")
POOL = 4
