"""The examples that FactMix's filter keeps and removes: counts, and random examples.

python benchmarks/denoising.py corpus/crossner/ai/train.spacy training/crossner-ai/model-best
"""

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import Any, List

from report_page import publish
from spacy.tokens import Doc

from spacy_lowner.annotations import ORIGIN_KEY
from spacy_lowner.augment.augmenter import build_factmix
from spacy_lowner.augment.denoising import Denoiser
from spacy_lowner.corpus.docs import bare_doc, entity_spans, read_docs
from spacy_lowner.corpus.formats.markup import render_markup

SHOWN = 20


def main() -> None:
    """Make examples, filter them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="the originals")
    parser.add_argument("model", help="a pipeline trained on them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    denoiser = Denoiser(arguments.model)
    factmix = build_factmix(arguments.train, filter_model=None, seed=arguments.seed)
    made = [doc for docs in factmix.make(list(read_docs(arguments.train))) for doc in docs]
    keeps = denoiser.keeps(made)
    kept, removed = ([doc for doc, keep in zip(made, keeps) if keep is wanted] for wanted in (True, False))
    counts = [Counter(doc.user_data[ORIGIN_KEY] for doc in docs) for docs in (made, removed)]
    rows = [
        (origin, counts[0][origin], counts[1][origin], f"{100 * counts[1][origin] / counts[0][origin]:.1f}%")
        for origin in sorted(counts[0])
    ]
    draw = random.Random(arguments.seed)
    notes = "\n\n".join(
        (
            "Random examples. The second line of a removed example has the predictions of the filter.",
            "## Kept",
            listed(docs_of(kept, draw), lambda doc: ""),
            "## Removed",
            listed(
                docs_of(removed, draw), lambda doc: "\n  " + marked(denoiser.nlp(bare_doc(doc, denoiser.nlp.vocab)))
            ),
        )
    )
    publish("Examples removed by FactMix's filter", ("", "made", "removed", "fraction"), rows, notes, arguments.output)


def docs_of(docs: List[Doc], draw: random.Random) -> List[Doc]:
    """RETURNS (List[Doc]): A random sample of Docs."""
    return draw.sample(docs, min(SHOWN, len(docs)))


def listed(docs: List[Doc], addition: Any) -> str:
    """RETURNS (str): A Markdown list of Docs in markup."""
    return "```\n" + "\n".join(f"- {doc.user_data[ORIGIN_KEY]}: {marked(doc)}{addition(doc)}" for doc in docs) + "\n```"


def marked(doc: Doc) -> str:
    """RETURNS (str): A Doc with its entities, in markup."""
    return render_markup(doc.text, [(span.start_char, span.end_char, span.label_) for span in entity_spans(doc)])


if __name__ == "__main__":
    main()
