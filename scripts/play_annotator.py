"""Add texts to a corpus with the labels that another corpus has for them: plays the part of a person who labels.

python scripts/play_annotator.py next.spacy gold.spacy labelled.spacy labelled-and-next.spacy
"""

import argparse
from pathlib import Path

from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs


def main() -> None:
    """Read the arguments, and write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chosen", type=Path, help="the texts to label")
    parser.add_argument("gold", type=Path, help="a corpus with these texts and their labels")
    parser.add_argument("labelled", type=Path, help="the texts that are labelled already")
    parser.add_argument("output", type=Path, help="the labelled texts, and the chosen ones with their labels")
    arguments = parser.parse_args()
    by_words = {tuple(token.text for token in doc): doc for doc in load_corpus(arguments.gold)}
    chosen = [by_words[tuple(token.text for token in doc)] for doc in load_corpus(arguments.chosen)]
    write_docs([*load_corpus(arguments.labelled), *chosen], arguments.output)
    msg.good(f"Wrote {len(chosen)} new texts to {arguments.output}")


if __name__ == "__main__":
    main()
