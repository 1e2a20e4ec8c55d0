"""Settings of the training of a source."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceSettings:
    """Settings of the training of a source.

    steps (int): Updates.
    words (int): Words of a batch.
    labels (int): Types of a batch at most, where it has not more types with entities.
    rank (int): Rank of the encoder's updates; 0 trains all of its weights but the embeddings.
    rate (float): Peak learning rate of the encoder. Low-rank updates need a higher one, such as 0.001.
    head_rate (float): Peak learning rate of the head.
    warmup (float): Fraction of the updates in which the rates rise. Then they fall, to a tenth of the peak.
    width (int): Longest span, in words.
    dropout (float): Dropout on the word states.
    unlike (float): Highest cosine of two descriptions whose types exclude each other between corpora.
    excluded (int): How many such types each entity is a negative of. With all of them, probabilities get very low.
    ranking (float): Weight of the ranking loss, in which types compete for each entity.
    alike (float): Types whose descriptions have a higher cosine do not compete.
    interpolation (float): Weight of the trained encoder and map in the result, whose rest are the pretrained ones. Less
        than 1 keeps more of what pretraining knows of types that no corpus has.
    seed (int): Seed of all draws.
    encoder (str): The pretrained encoder.

    >>> SourceSettings(steps=10).warmup
    0.05
    """

    steps: int = 4000
    words: int = 500
    labels: int = 96
    rank: int = 0
    rate: float = 1e-4
    head_rate: float = 1e-3
    warmup: float = 0.05
    width: int = 12
    dropout: float = 0.3
    unlike: float = 0.3
    excluded: int = 10
    ranking: float = 0.5
    alike: float = 0.6
    interpolation: float = 0.7
    seed: int = 0
    encoder: str = "minilm"

    def rate_at(self, step: int) -> float:
        """Get the factor on the learning rates.

        step (int): Number of updates before this one.
        RETURNS (float): The factor, at most 1.

        >>> [round(SourceSettings(steps=100).rate_at(step), 3) for step in (0, 4, 99)]
        [0.2, 1.0, 0.1]
        """
        warmup = max(1, int(self.warmup * self.steps))
        if step < warmup:
            return (step + 1) / warmup
        return 1.0 - 0.9 * (step + 1 - warmup) / (self.steps - warmup)
