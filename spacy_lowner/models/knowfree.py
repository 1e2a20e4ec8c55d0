"""The thinc model of KnowFREE: Docs in, span logits out."""

from functools import partial
from typing import Any, Callable, List, NamedTuple, Optional, Tuple, get_args

import numpy
import torch
from spacy.tokens import Doc
from thinc.api import Model, get_torch_default_device, torch2xp, xp2torch
from thinc.types import ArgsKwargs, Floats2d, Ints1d

from ..annotations import register
from ..errors import Errors, LownerError
from ..nn.band import band_mask
from ..nn.evidence import EvidenceRows
from ..nn.knowfree import KnowFREEHead
from ..nn.losses import band_bce, band_targets
from ..types import HeadShape, InteractionT, SpanLogits, SpanModelT, SpanTargets
from ..validation import POSITIVE, at_least, between, one_of, require, validate
from .evidence import evidence_rows
from .hf.shim import config_settings, loaded_module, module_shim, set_module
from .shapes import N_SHAPES
from .shapes import word_shapes as shapes_of

INTERACTIONS = get_args(InteractionT)


class _HeadInputs(NamedTuple):
    """The inputs of the head's thinc layer.

    words (List[Floats2d]): Word states per Doc. Shape per Doc: (words, dim)
    shapes (Optional[List[Ints1d]]): Word shapes per Doc, if the head uses them.
    all_labels (bool): Whether to compute extension labels next to target labels.
    evidence (Optional[EvidenceRows]): Statements about the Docs, if there are some and the head reads them.
    """

    words: List[Floats2d]
    shapes: Optional[List[Ints1d]]
    all_labels: bool
    evidence: Optional[EvidenceRows]


CONSTRAINTS = {
    "hidden_dim": POSITIVE,
    "biaffine_dim": POSITIVE,
    "biaffine_heads": POSITIVE,
    "interaction": one_of(*INTERACTIONS),
    "attention_heads": POSITIVE,
    "window": at_least(0),
    "dropout": between(0, 1, include_high=False),
}


def build_knowfree(
    tok2vec: Model[List[Doc], List[Floats2d]],
    hidden_dim: int = 200,
    biaffine_dim: int = 200,
    biaffine_heads: int = 4,
    interaction: InteractionT = "attention",
    attention_heads: int = 10,
    window: int = 3,
    dropout: float = 0.4,
    word_shapes: bool = True,
    label_scale: float = 10.0,
    evidence: Optional[str] = None,
    mixed_precision: bool = False,
) -> SpanModelT:
    """Build the span model of KnowFREE (eq. 7-12) on any `tok2vec`; registered as `spacy-lowner.KnowFREE.v1`.

    The defaults are the paper's (appendix H). `biaffine_heads` is not in the paper, and `word_shapes` and `label_scale`
    are additions of this package. Initialization sets the number of labels and the longest span from the data.

    tok2vec (Model[List[Doc], List[Floats2d]]): Word states, for instance a transformer listener.
    hidden_dim (int): Width of the start and end states (D'). Positive.
    biaffine_dim (int): Width of the span features. Positive.
    biaffine_heads (int): Heads of the biaffine form. Must divide `hidden_dim` and `biaffine_dim`.
    interaction (str): Exchange between neighbouring spans: "attention" (eq. 9-10), "cnn" or "none" (Table 3).
    attention_heads (int): Heads of the local attention. Must divide `biaffine_dim`.
    window (int): Reach of the local attention on each side, in words (omega).
    dropout (float): Dropout on the word states, in [0, 1).
    word_shapes (bool): Whether to add embeddings of word shapes (capitals, digits) to the word states. Uncased encoders
        profit from them.
    label_scale (float): Initial value of the learned factor on the cosine of a span and a label description.
    evidence (Optional[str]): Name of the extension attribute `doc._.<evidence>` with statements about the entities,
        such as "lowner_reasoning". They add a term to the logits of the spans that they quote (`nn.evidence`). None
        reads none. Null at load ignores the evidence.
    mixed_precision (bool): Whether to compute in half precision on a GPU.
    RETURNS (SpanModelT): A model of Docs to `SpanLogits`.
    RAISES (LownerError): If a setting is out of its range.

    >>> from spacy.ml.models import MultiHashEmbed
    >>> tok2vec = MultiHashEmbed(8, ["NORM"], [100], include_static_vectors=False)
    >>> build_knowfree(tok2vec, hidden_dim=8, biaffine_dim=8, attention_heads=2).name
    'knowfree'
    """
    validate("KnowFREE", CONSTRAINTS, locals())
    if evidence is not None:
        register(evidence)
    for setting, heads, dim, size in (
        ("biaffine_heads", biaffine_heads, "hidden_dim", hidden_dim),
        ("biaffine_heads", biaffine_heads, "biaffine_dim", biaffine_dim),
        ("attention_heads", attention_heads, "biaffine_dim", biaffine_dim),
    ):
        require("KnowFREE", setting, heads, size % heads == 0, f"a divisor of {dim} = {size}")
    settings = {
        "hidden_dim": hidden_dim,
        "biaffine_dim": biaffine_dim,
        "biaffine_heads": biaffine_heads,
        "interaction": interaction,
        "attention_heads": attention_heads,
        "window": window,
        "dropout": dropout,
        "n_shapes": N_SHAPES if word_shapes else 0,
    }
    # Dropout only affects updates, so a trained model works with any value.
    trained = {name: value for name, value in settings.items() if name not in ("dropout", "n_shapes")}
    shim = module_shim(
        partial(_rebuild, dropout),
        name="KnowFREE",
        trained={**trained, "word_shapes": word_shapes, "label_scale": label_scale},
        mixed_precision=mixed_precision,
    )
    head = Model(
        "knowfree_head",
        _forward_head,
        init=partial(_init_head, settings=settings, label_scale=label_scale),
        shims=[shim],
    )
    refs = {"tok2vec": tok2vec, "torch": head}
    attrs = config_settings(evidence=evidence)
    return Model("knowfree", _forward, init=_init, layers=[tok2vec, head], refs=refs, attrs=attrs)


def span_loss(prediction: SpanLogits, targets: SpanTargets) -> Tuple[float, SpanLogits]:
    """Compute the loss of a batch (eq. 13-14) and its gradient.

    prediction (SpanLogits): The model's output.
    targets (SpanTargets): Gold spans and weights.
    RETURNS (Tuple[float, SpanLogits]): The loss, and the gradient in the shape of the prediction.

    >>> logits = SpanLogits(numpy.zeros((1, 1, 1, 1), dtype="f"), numpy.asarray([1]))
    >>> one = numpy.ones((1, 1), dtype="f")
    >>> loss, gradient = span_loss(logits, SpanTargets(numpy.asarray([[0, 0, 0, 0]]), one, one[0]))
    >>> round(loss, 3), float(gradient.logits[0, 0, 0, 0])
    (0.693, -0.5)
    """
    logits = xp2torch(prediction.logits, requires_grad=True)
    device = logits.device
    mask = band_mask(xp2torch(prediction.lengths, device=device), *logits.shape[1:3])
    soft = None if targets.probabilities is None else xp2torch(targets.probabilities, device=device)
    gold = band_targets(logits.shape, xp2torch(targets.cells, device=device), soft)
    label_weights, doc_weights = (
        xp2torch(weights, device=device) for weights in (targets.label_weights, targets.doc_weights)
    )
    judged = None if targets.judged is None else xp2torch(targets.judged, device=device)
    loss = band_bce(logits, gold, mask, label_weights, doc_weights, judged)
    loss.backward()
    return loss.item(), SpanLogits(torch2xp(logits.grad), prediction.lengths)


def spans_over(prediction: SpanLogits, threshold: float) -> Tuple[Any, Any]:
    """Find the spans whose probability reaches a threshold. Only these are copied from a GPU to the CPU.

    prediction (SpanLogits): The model's output.
    threshold (float): The lowest probability, in [0, 1].
    RETURNS (Tuple[numpy.ndarray, numpy.ndarray]): Rows of (doc, first word, number of words - 1, label), and
        their probabilities. Shapes: (spans, 4), (spans,)

    >>> logits = numpy.asarray([[[[2.0], [-2.0]], [[0.0], [9.0]]]], dtype="f")
    >>> cells, scores = spans_over(SpanLogits(logits, numpy.asarray([2])), 0.5)
    >>> cells.tolist()
    [[0, 0, 0, 0], [0, 1, 0, 0]]
    """
    logits = xp2torch(prediction.logits)
    mask = band_mask(xp2torch(prediction.lengths, device=logits.device), *logits.shape[1:3])
    scores = logits.float().sigmoid() * mask[..., None]
    cells = ((scores >= threshold) & mask[..., None]).nonzero()
    return cells.cpu().numpy(), scores[tuple(cells.T)].cpu().numpy()


def extension_logits(model: SpanModelT, docs: List[Doc]) -> numpy.ndarray:
    """Compute the logits of the extension labels, which predictions skip.

    model (SpanModelT): The trained model.
    docs (List[Doc]): The Docs.
    RETURNS (numpy.ndarray): The logits, in band form. Shape: (batch, seq, width, extension labels)
    """
    head = model.get_ref("torch")
    logits = head.predict(_head_inputs(model, model.get_ref("tok2vec").predict(docs), docs, all_labels=True)).logits
    return model.ops.to_numpy(logits)[..., loaded_module(head).settings["n_target"] :]


def _init(model: Model, X: Optional[List[Doc]] = None, Y: Optional[HeadShape] = None) -> None:
    tok2vec = model.get_ref("tok2vec")
    tok2vec.initialize(X=X)
    if X is not None and Y is not None:
        docs = [doc for doc in X if len(doc)]
        model.get_ref("torch").initialize(X=tok2vec.predict(docs), Y=Y)


def _init_head(
    model: Model,
    X: Optional[List[Floats2d]] = None,
    Y: Optional[HeadShape] = None,
    *,
    settings: dict,
    label_scale: float,
) -> None:
    if X is None or Y is None:
        return
    vectors = None if Y.label_vectors is None else torch.as_tensor(Y.label_vectors)
    module = KnowFREEHead(
        X[0].shape[1],
        n_target=Y.n_target,
        n_extension=Y.n_extension,
        width=Y.width,
        label_vectors=vectors,
        label_scale=label_scale,
        name_vectors=None if Y.name_vectors is None else torch.as_tensor(Y.name_vectors),
        names=Y.names,
        text_encoder=Y.text_encoder,
        **settings,
    )
    set_module(model.shims[0], module, get_torch_default_device())


def _rebuild(configured_dropout: float, **trained: Any) -> KnowFREEHead:
    return KnowFREEHead.from_settings(**{**trained, "dropout": configured_dropout})


def _forward(model: SpanModelT, docs: List[Doc], is_train: bool) -> Tuple[SpanLogits, Callable]:
    words, backprop_words = model.get_ref("tok2vec")(docs, is_train)
    inputs = _head_inputs(model, words, docs, all_labels=is_train)
    logits, backprop_head = model.get_ref("torch")(inputs, is_train)

    def backprop(d_logits: SpanLogits) -> Any:
        return backprop_words(backprop_head(d_logits))

    return logits, backprop


def _head_inputs(model: SpanModelT, words: List[Floats2d], docs: List[Doc], *, all_labels: bool) -> _HeadInputs:
    settings = loaded_module(model.get_ref("torch")).settings
    shapes = [shapes_of(doc) for doc in docs] if settings["n_shapes"] > 0 else None
    attribute, names = model.attrs["settings"].evidence, settings.get("names")
    if attribute is None:
        return _HeadInputs(words, shapes, all_labels, None)
    if names is None:
        raise LownerError(Errors.LN206)
    width, encoder = settings["width"], settings["text_encoder"]
    evidence = evidence_rows(docs, attribute, encoder=encoder, names=names, width=width)
    return _HeadInputs(words, shapes, all_labels, evidence)


def _forward_head(model: Model, inputs: _HeadInputs, is_train: bool) -> Tuple[SpanLogits, Callable]:
    words, shapes, all_labels, evidence = inputs
    shim = model.shims[0]
    module = loaded_module(model)
    ops = model.ops
    lengths = ops.asarray1i([len(states) for states in words])
    # For an empty Doc, listeners return an array without columns, which cannot be padded with the others.
    empty = ops.alloc2f(0, module.settings["dim"])
    padded = ops.pad([states if len(states) else empty for states in words])
    states = xp2torch(padded, requires_grad=is_train, device=shim.device)
    torch_lengths = xp2torch(lengths, device=shim.device)
    padded_shapes = None
    if shapes is not None:
        padded_shapes = xp2torch(ops.pad([ops.asarray1i(row) for row in shapes]), device=shim.device).long()
    if evidence is not None:
        evidence = EvidenceRows(*(tensor.to(shim.device) for tensor in evidence))
    options = {"extension": all_labels, "evidence": evidence}
    arguments = ArgsKwargs(args=(states, torch_lengths, padded_shapes), kwargs=options)
    logits, backprop_torch = shim(arguments, is_train)

    def backprop(d_logits: SpanLogits) -> List[Floats2d]:
        gradient = xp2torch(d_logits.logits, device=shim.device)
        d_inputs = backprop_torch(ArgsKwargs(args=((logits,),), kwargs={"grad_tensors": gradient}))
        d_padded = torch2xp(d_inputs.args[0])
        return [d_padded[i, : len(states)] for i, states in enumerate(words)]

    return SpanLogits(torch2xp(logits.detach().float()), lengths), backprop
