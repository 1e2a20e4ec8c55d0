"""The output of an encoder-decoder: entities, the JSON that names them, and the gradients of its scores."""

import json
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import torch
from thinc.api import xp2torch
from thinc.types import ArgsKwargs, Floats1d
from torch import Tensor

from .json_grammar import Mention

# A batch in training: numbers of its inputs, the output of the module, and its backpropagation.
StepT = Tuple[Sequence[int], Tensor, Callable]


class Generation(NamedTuple):
    """A generated output.

    mentions (List[Mention]): The entities, in the order of the text. None overlap.
    surplus (int): Number of generated mentions without a position, because the text has them less often.
    valid (bool): Whether the output is complete JSON.
    cut (bool): Whether the output reached `max_new_tokens` and was brought to its end.
    text (str): The output, JSON with the mentions of each type.

    >>> Generation([Mention("PER", 0, 1)], surplus=0).valid
    True
    """

    mentions: List[Mention]
    surplus: int
    valid: bool = True
    cut: bool = False
    text: str = ""


def as_json(mentions: Sequence[Mention], words: Sequence[str], labels: Dict[str, str]) -> str:
    """Write mentions as the output of PBRC, section 3.3.2.

    mentions (Sequence[Mention]): The mentions.
    words (Sequence[str]): The words of the text.
    labels (Dict[str, str]): The readable name of each label.
    RETURNS (str): The JSON: the types with mentions, in the order of `labels`.

    >>> as_json([Mention("PER", 0, 2)], ["Ada", "Byron", "sang"], {"LOC": "place", "PER": "person"})
    '{"person": ["Ada Byron"]}'
    """
    named: Dict[str, List[str]] = {
        name: [" ".join(words[start:end]) for found, start, end in mentions if found == label]
        for label, name in labels.items()
    }
    return json.dumps({name: texts for name, texts in named.items() if texts}, ensure_ascii=False)


def backprop_scores(steps: Sequence[StepT], d_scores: Sequence[Floats1d]) -> None:
    """Backpropagate the gradients of scores through all batches.

    steps (Sequence[StepT]): The batches. A row of an output has the scores of an input, and then padding.
    d_scores (Sequence[Floats1d]): The gradient of the scores of each input.
    """
    if not steps:
        return
    gradients = [torch.zeros_like(result) for _, result, _ in steps]
    for gradient, (numbers, _, _) in zip(gradients, steps):
        for row, i in enumerate(numbers):
            gradient[row, : len(d_scores[i])] = xp2torch(d_scores[i], device=gradient.device)
    # One call for all batches: thinc's gradient scaler would scale the gradients of the first batches again with each
    # further call.
    results = tuple(result for _, result, _ in steps)
    steps[-1][2](ArgsKwargs(args=(results,), kwargs={"grad_tensors": gradients}))
