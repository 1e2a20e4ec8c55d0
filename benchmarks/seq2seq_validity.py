r"""Check the outputs of seq2seq_ner with an ordinary JSON parser, and compare the pipe with knowfree.

It counts valid outputs and invented mentions, and measures F1 and sentences per second.

    python benchmarks/seq2seq_validity.py training/seq2seq/ai/model-best training/target/ai/model-best \
        corpus/crossner/ai/test.spacy
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Iterator, List, Tuple

from report_page import publish
from spacy.language import Language
from spacy.tokens import Doc

from spacy_lowner.corpus.docs import bare_doc, read_docs
from spacy_lowner.loading import load_pipeline
from spacy_lowner.models.generation import generate
from spacy_lowner.models.hf.pieces import tokenizer_of
from spacy_lowner.models.hf.shim import loaded_module
from spacy_lowner.pipeline.seq2seq_ner import Seq2SeqRecognizer
from spacy_lowner.report.evaluation import evaluate_pipeline


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", help="a pipeline with a seq2seq_ner")
    parser.add_argument("spans", help="another pipeline for the same types")
    parser.add_argument("gold", type=Path)
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    gold = list(read_docs(arguments.gold))
    writer = load_pipeline(arguments.generator)
    outputs = list(read_outputs(writer, gold))
    invented = sum(mention not in text for text, mentions in outputs for mention in mentions or ())
    valid = sum(mentions is not None for _, mentions in outputs)
    rows = []
    for name, nlp in (("seq2seq_ner", writer), ("knowfree", load_pipeline(arguments.spans))):
        list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in gold[:64]))
        started = time.perf_counter()
        scores = evaluate_pipeline(nlp, gold)
        speed = len(gold) / (time.perf_counter() - started)
        validity = (f"{100 * valid / len(outputs):.1f}%", invented) if nlp is writer else ("-", "-")
        rows.append(
            (name, f"{100 * scores.p:.1f}", f"{100 * scores.r:.1f}", f"{100 * scores.f:.1f}", *validity, f"{speed:.1f}")
        )
    header = ("Pipeline", "P", "R", "F1", "valid", "invented", "sentences/s")
    notes = (
        f"{len(gold)} texts of {arguments.gold}, {len(outputs)} outputs. Invented: mentions that are not in the text."
    )
    publish("Outputs of seq2seq_ner", header, rows, notes, arguments.output)


def read_outputs(nlp: Language, docs: List[Doc]) -> Iterator[Tuple[str, list]]:
    """Generate outputs and parse them.

    YIELDS (Tuple[str, list]): For each window, its text as it is and as the tokenizer decodes it, and the mentions in
        the output. The mentions are None if the output is not a JSON object of lists of texts.
    """
    pipe = next(pipe for _, pipe in nlp.pipeline if isinstance(pipe, Seq2SeqRecognizer))
    tokenizer = tokenizer_of(loaded_module(pipe.model))
    windows = [window for doc in docs for _, window in pipe.windows(bare_doc(doc, nlp.vocab))]
    for window, generation in zip(windows, generate(pipe.model, windows)):
        plain = " ".join(window.words)
        text = plain + "\n" + tokenizer.decode(tokenizer(plain, add_special_tokens=False)["input_ids"])
        try:
            output = json.loads(generation.text)
            mentions = [mention.strip() for listed in output.values() for mention in listed]
        except (ValueError, AttributeError, TypeError):
            mentions = None
        yield text, mentions


if __name__ == "__main__":
    main()
