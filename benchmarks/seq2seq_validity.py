"""What seq2seq_ner writes, read by a JSON parser that knows nothing of its grammar, beside knowfree: F1, valid outputs, invented
mentions, sentences per second.

    python benchmarks/seq2seq_validity.py training/seq2seq/ai/model-best training/target/ai/model-best corpus/crossner/ai/test.spacy
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
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("written", help="a pipeline with a seq2seq_ner")
    parser.add_argument("spans", help="another pipeline for the same types")
    parser.add_argument("gold", type=Path)
    parser.add_argument("--output", type=Path, help="write the table as a page")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    gold = list(read_docs(arguments.gold))
    writer = load_pipeline(arguments.written)
    outputs = list(read_outputs(writer, gold))
    invented = sum(mention not in text for text, mentions in outputs for mention in mentions or ())
    valid = sum(mentions is not None for _, mentions in outputs)
    rows = []
    for name, nlp in (("seq2seq_ner", writer), ("knowfree", load_pipeline(arguments.spans))):
        list(nlp.pipe(bare_doc(doc, nlp.vocab) for doc in gold[:64]))
        started = time.perf_counter()
        scores = evaluate_pipeline(nlp, gold)
        speed = len(gold) / (time.perf_counter() - started)
        own = (f"{100 * valid / len(outputs):.1f}%", invented) if nlp is writer else ("-", "-")
        rows.append(
            (name, f"{100 * scores.p:.1f}", f"{100 * scores.r:.1f}", f"{100 * scores.f:.1f}", *own, f"{speed:.1f}")
        )
    header = ("Pipeline", "P", "R", "F1", "valid", "invented", "sentences/s")
    notes = (
        f"{len(gold)} texts of {arguments.gold}, {len(outputs)} outputs. Invented: mentions that are not in the text."
    )
    publish("What seq2seq_ner writes", header, rows, notes, arguments.output)


def read_outputs(nlp: Language, docs: List[Doc]) -> Iterator[Tuple[str, list]]:
    """YIELDS (Tuple[str, list]): For each text that is read at once, it as the tokenizer sees it, and the mentions in what was written of
    it; None for these if that is no JSON object of lists of texts.
    """
    pipe = next(pipe for _, pipe in nlp.pipeline if isinstance(pipe, Seq2SeqRecognizer))
    tokenizer = tokenizer_of(loaded_module(pipe.model))
    tasks = [task for doc in docs for _, task in pipe.windows(bare_doc(doc, nlp.vocab))]
    for task, own in zip(tasks, generate(pipe.model, tasks)):
        text = tokenizer.decode(tokenizer(" ".join(task.words), add_special_tokens=False)["input_ids"])
        try:
            said = json.loads(tokenizer.decode(own.pieces, skip_special_tokens=True))
            mentions = [mention.strip() for listed in said.values() for mention in listed]
        except (ValueError, AttributeError, TypeError):
            mentions = None
        yield text, mentions


if __name__ == "__main__":
    main()
