"""KnowFREE's head in dense form, written cell by cell from eq. 7-12.

It is slow. It shares only weights with the band.
"""

import math

import torch
from torch.nn import functional as F


def dense_logits(head, words, length):
    """Logits of one text.

    words (Tensor): Word states. Shape: (seq, dim)
    length (int): Number of words.
    RETURNS (Dict[Tuple[int, int], Tensor]): Logits of the spans of at most `width` words, by first and last word.
    """
    width = head.width
    words = words[:length]
    biaffine = head.biaffine
    start = F.leaky_relu(biaffine.start[0](words))
    end = F.leaky_relu(biaffine.end[0](words))
    cells = [(i, j) for i in range(length) for j in range(i, min(length, i + width))]
    features = {(i, j): _biaffine(biaffine, start[i], end[j], j - i) for i, j in cells}
    if head.interaction is None:
        mixed = features
    else:
        gather = _attend if head.settings["interaction"] == "attention" else _convolve
        gathered = gather(head.interaction, features)
        # eq. 11, then the sum of eq. 12.
        mixed = {cell: h + head.norm(h + gathered[cell]) for cell, h in features.items()}
    weight, bias = head.output.weight, head.output.bias
    if head.shared_row is not None:
        # No gradient flows into the shared row. Extension labels do not have it.
        is_target = torch.arange(len(weight)) < head.n_target
        weight = weight + is_target[:, None] * head.shared_row.weight.detach()
        bias = bias + is_target * head.shared_row.bias.detach()
    logits = {cell: weight @ F.gelu(h) + bias for cell, h in mixed.items()}
    if head.matching is not None:
        for i, j in cells:
            mapped = head.matching.map(words[i : j + 1].mean(0))
            cosine = F.cosine_similarity(mapped[None], head.matching.label_vectors.to(words.dtype), dim=-1)
            logits[i, j] = logits[i, j] + F.pad(head.matching.scale * cosine, (0, len(logits[i, j]) - len(cosine)))
    return logits


def _biaffine(module, s, e, extra):
    forms = []
    per_head = len(s) // module.heads
    for h in range(module.heads):
        columns = slice(h * per_head, (h + 1) * per_head)
        # bilinear[h] is indexed (start, end, out).
        forms.append(torch.einsum("x,xyo,y->o", s[columns], module.bilinear[h], e[columns]))
    return torch.cat(forms) + module.start_term(s) + module.end_term(e) + module.length_term.weight[extra]


def _attend(module, features):
    """Eq. 9-10 over the whole grid: a span attends to spans of its first word whose last words are near."""
    heads = module.heads
    gathered = {}
    for (i, j), feature in features.items():
        near = [cell for cell in features if cell[0] == i and abs(cell[1] - j) <= module.window]
        outputs = []
        dim = len(feature) // heads
        for h in range(heads):
            columns = slice(h * dim, (h + 1) * dim)
            query = module.query(feature)[columns]
            weights = torch.stack([query @ module.key(features[c])[columns] / math.sqrt(dim) for c in near]).softmax(0)
            outputs.append(sum(w * module.value(features[c])[columns] for w, c in zip(weights, near)))
        gathered[i, j] = module.project_out(torch.cat(outputs))
    return gathered


def _convolve(module, features):
    spans = features
    for kernel, norm in zip(module.kernels, module.norms):
        convolved = {}
        for i, j in spans:
            total = torch.zeros_like(spans[i, j])
            for a in (-1, 0, 1):
                for b in (-1, 0, 1):
                    if (i + a, j + b) in spans:
                        total = total + kernel[:, :, a + 1, b + 1] @ spans[i + a, j + b]
            convolved[i, j] = total
        spans = {cell: F.gelu(norm(spans[cell] + convolved[cell])) for cell in spans}
    return spans
