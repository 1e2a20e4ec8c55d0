"""Hide half of the types of a corpus, others in each sentence: with and without saying which are annotated.

    python benchmarks/partial.py corpus/crossner/ai/train.spacy corpus/partial/ai

writes partial.spacy, whose sentences say which types are annotated, and absent.spacy, in which the hidden spans are
just not there. The grid benchmarks/grids/partial.yml trains on both and on the whole corpus.
"""

import argparse
import random
from pathlib import Path

from spacy.util import filter_spans

from spacy_lowner.annotations import SPANS_KEY
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.corpus.partial import write_partial


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    docs = list(read_docs(args.corpus))
    labels = sorted({span.label_ for doc in docs for span in doc.spans[SPANS_KEY]})
    args.output.mkdir(parents=True, exist_ok=True)
    kept = total = 0
    shown = [sorted(draw.sample(labels, len(labels) // 2)) for _ in docs]
    for name in ("absent", "partial"):
        for doc, annotated in zip(docs, shown):
            spans = [span for span in doc.spans[SPANS_KEY] if span.label_ in annotated]
            total += len(doc.spans[SPANS_KEY])
            kept += len(spans)
            doc.spans[SPANS_KEY] = spans
            doc.ents = filter_spans(spans)
            if name == "partial":
                write_partial(doc, annotated)
        write_docs(docs, args.output / f"{name}.spacy")
        if name == "absent":
            print(f"{kept} of {total} spans are kept, of {len(labels)} types in {len(docs)} sentences")


if __name__ == "__main__":
    main()
