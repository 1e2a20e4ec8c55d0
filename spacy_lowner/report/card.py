"""The model card of a trained pipeline, and the meta that names its package."""

import time
from importlib.metadata import version as installed_version
from typing import Any, Dict, List

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans

from ..types import DescribesLabels, UsesLanguageModel
from .evaluation import Scores

PACKAGES = ("spacy-lowner", "spacy", "spacy-transformers", "torch", "transformers")


def package_meta(nlp: Language, name: str, version: str, corpus: str, scores: Scores) -> Dict[str, Any]:
    """Make the file for `spacy package --meta-path`.

    spaCy names a package by its language and its name. The language here is the prefix of the name, so that
    "lowner_crossner" becomes the package "lowner_crossner" and not "en_lowner_crossner".

    nlp (Language): The pipeline.
    name (str): The name of the package, as "prefix_name".
    version (str): The version of the package.
    corpus (str): The name of the training corpus.
    scores (Scores): Scores on the test split.
    RETURNS (Dict[str, Any]): Fields of meta.json. `spacy package` adds the others.

    >>> import spacy
    >>> scores = Scores(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, {}, docs=1, words_per_second=100.0)
    >>> meta = package_meta(spacy.blank("en"), "lowner_crossner", "0.1.0", "CrossNER", scores)
    >>> meta["lang"], meta["name"], meta["description"]
    ('lowner', 'crossner', 'Named entities with spacy-lowner, trained on CrossNER')
    """
    prefix, _, rest = name.partition("_")
    return {
        "lang": prefix,
        "name": rest,
        "version": version,
        "description": f"Named entities with spacy-lowner, trained on {corpus}",
        "author": "",
        "email": "",
        "url": "",
        "license": "",
        "sources": [{"name": corpus}],
        "performance": {"ents_p": scores.p, "ents_r": scores.r, "ents_f": scores.f, "ents_per_type": scores.per_type},
        # `spacy package` adds the packages of the pipes, but without their extras.
        "requirements": ["spacy-lowner[llm]"] if _uses_language_model(nlp) else [],
    }


def render_card(
    nlp: Language, *, name: str, version: str, corpus: str, scores: Scores, splits: Dict[str, Dict], examples: List[Doc]
) -> str:
    """Write the model card: usage, types, scores, training data and examples.

    nlp (Language): The pipeline.
    name (str): The name of the package.
    version (str): The version of the package.
    corpus (str): The name of the training corpus.
    scores (Scores): Scores on the test split.
    splits (Dict[str, Dict]): Statistics of the data by split, as `spacy lowner inspect` writes them.
    examples (List[Doc]): Docs with predictions of the pipeline, to show.
    RETURNS (str): Markdown.
    """
    return (
        "\n\n".join(
            [
                f"# {name} {version}",
                f"Pipeline: {', '.join(nlp.pipe_names)}. Trained and tested on {corpus}. "
                f"Written on {time.strftime('%Y-%m-%d')}.",
                f'```python\nimport spacy\n\nnlp = spacy.load("{name}")\n'
                f'doc = nlp("…")\nprint({_output_attribute(examples)})\n```',
                "## Types",
                _types(nlp, scores),
                "## Scores",
                _overall(scores),
                "## Training data",
                _data(splits),
                "Trained with " + ", ".join(f"{package} {installed_version(package)}" for package in PACKAGES) + ".",
                "## Examples",
                _examples(examples),
            ]
        )
        + "\n"
    )


def _types(nlp: Language, scores: Scores) -> str:
    descriptions = {}
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, DescribesLabels):
            descriptions.update(pipe.descriptions)
    labels = sorted(
        set(descriptions) | set(scores.per_type), key=lambda label: (-scores.per_type.get(label, {"f": 0})["f"], label)
    )
    rows = ["| Type | Meaning | P | R | F1 |", "| --- | --- | ---: | ---: | ---: |"]
    for label in labels:
        values = scores.per_type.get(label)
        numbers = " | ".join(f"{100 * values[metric]:.1f}" for metric in "prf") if values else "| | "
        rows.append(f"| {label} | {descriptions.get(label, '')} | {numbers} |")
    return "\n".join(rows)


def _overall(scores: Scores) -> str:
    rows = [("Labelled", scores.p, scores.r, scores.f)]
    rows.append(("Unlabelled (boundaries only)", scores.detect_p, scores.detect_r, scores.detect_f))
    lines = ["| Test | P | R | F1 |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {100 * p:.1f} | {100 * r:.1f} | {100 * f:.1f} |" for name, p, r, f in rows]
    return "\n".join(lines) + f"\n\n{scores.docs} texts, {scores.words_per_second:,.0f} words/s."


def _data(splits: Dict[str, Dict]) -> str:
    lines = ["| Split | Texts | Words | Spans |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {s['docs']} | {s['words']} | {s['spans']} |" for name, s in splits.items()]
    return "\n".join(lines)


def _examples(docs: List[Doc]) -> str:
    return "\n\n".join(f"> {_inline(doc)}" for doc in docs)


def _uses_language_model(nlp: Language) -> bool:
    return any(isinstance(pipe, UsesLanguageModel) and pipe.llm for _, pipe in nlp.pipeline)


def _output_attribute(examples: List[Doc]) -> str:
    """RETURNS (str): The attribute of a Doc to which the pipeline writes, as code."""
    keys = [key for doc in examples for key, group in doc.spans.items() if len(group)]
    return "doc.ents" if any(doc.ents for doc in examples) or not keys else f'doc.spans["{keys[0]}"]'


def _inline(doc: Doc) -> str:
    """RETURNS (str): The text of a Doc, with its entities in bold and their labels in italics."""
    text, last = "", 0
    spans = doc.ents or [span for group in doc.spans.values() for span in group]
    for ent in sorted(filter_spans(spans)):
        text += doc.text[last : ent.start_char] + f"**{ent.text}** _{ent.label_}_"
        last = ent.end_char
    return text + doc.text[last:]
