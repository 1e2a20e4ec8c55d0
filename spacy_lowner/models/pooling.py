"""Pooling of subwords into words."""

from typing import Callable, Tuple

from thinc.api import Model
from thinc.types import Floats2d, Ragged


def reduce_max() -> Model[Ragged, Floats2d]:
    """Max-pool the pieces of each word; registered as `spacy-lowner.reduce_max.v1`.

    A word without pieces (whitespace) becomes zeros. thinc's `reduce_max.v1` raises an error for it.

    RETURNS (Model[Ragged, Floats2d]): The layer.

    >>> import numpy
    >>> pieces = numpy.asarray([[1.0, 5.0], [3.0, 2.0]], dtype="f")
    >>> reduce_max().predict(Ragged(pieces, numpy.asarray([2, 0], dtype="i"))).tolist()
    [[3.0, 5.0], [0.0, 0.0]]
    """
    return Model("lowner_reduce_max", _forward)


def _forward(model: Model, X: Ragged, is_train: bool) -> Tuple[Floats2d, Callable[[Floats2d], Ragged]]:
    filled = X.lengths > 0
    lengths = X.lengths[filled]
    Y = model.ops.alloc2f(len(X.lengths), X.dataXd.shape[1])
    which = None
    if len(lengths):
        Y[filled], which = model.ops.reduce_max(X.dataXd, lengths)

    def backprop(dY: Floats2d) -> Ragged:
        if which is None:
            return Ragged(model.ops.alloc(X.dataXd.shape, dtype=X.dataXd.dtype), X.lengths)
        d_filled = model.ops.xp.ascontiguousarray(dY[filled])
        return Ragged(model.ops.backprop_reduce_max(d_filled, which, lengths), X.lengths)

    return Y, backprop
