"""Convert sentences to Docs and back, and read and write DocBins."""

from itertools import chain, islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set

from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.util import filter_spans
from spacy.vocab import Vocab

from ..annotations import EXTENSION_KEY, SPANS_KEY, USER_KEYS
from ..errors import Errors, LownerError
from .codecs import cache_codecs
from .extensions import source_record
from .files import atomic_path
from .partial import PartialAnnotation, write_partial
from .sentence import LabeledSpan, Sentence
from .tokens import choose_tokenizer, plain_vocab

# Token attributes whose values are hashes of strings. A damaged file may lack the string of a hash.
HASHED = ["ORTH", "NORM", "LEMMA", "TAG", "DEP", "MORPH", "ENT_TYPE", "ENT_KB_ID", "ENT_ID"]

# Number of sentences whose script decides whether spaces separate words.
SAMPLED_SENTENCES = 200
# Number of sentences after which a new vocabulary begins.
VOCAB_SENTENCES = 100_000


def to_doc(sentence: Sentence, vocab: Vocab, spans_key: str = SPANS_KEY, spaces: bool = True) -> Doc:
    """Convert a sentence to a Doc.

    All spans go to `doc.spans[spans_key]`, which is empty for a sentence without spans. The longest spans that do not
    overlap go to `doc.ents`. If the source has words only, `doc.has_unknown_spaces` is set, and `spacy.Corpus` trains
    on these words instead of tokenizing anew.

    sentence (Sentence): The sentence.
    vocab (Vocab): Vocabulary of the Doc.
    spans_key (str): Key of the spans.
    spaces (bool): Whether spaces separate the words, if the source has no such information.
    RETURNS (Doc): The Doc.

    >>> doc = to_doc(Sentence(["Ada", "sang"], [LabeledSpan(0, 1, "PER")]), plain_vocab())
    >>> doc.spans["sc"], doc.ents
    ([Ada], (Ada,))
    """
    doc = Doc(vocab, words=sentence.words, spaces=sentence.spaces or [spaces] * len(sentence.words))
    doc.has_unknown_spaces = sentence.spaces is None
    spans = [Span(doc, start, end, label=label) for start, end, label in sentence.spans]
    doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=spans)
    is_partial = sentence.annotated_labels is not None
    # spaCy's own pipes do not learn from words whose entity is missing.
    doc.set_ents(filter_spans(spans), default="missing" if is_partial else "outside")
    doc.cats = dict(sentence.categories)
    if sentence.extensions is not None:
        extensions = [Span(doc, start, end, label=label) for start, end, label in sentence.extensions]
        attrs = dict(sentence.source_record)
        doc.spans[EXTENSION_KEY] = SpanGroup(doc, name=EXTENSION_KEY, attrs=attrs, spans=extensions)
    doc.user_data.update(sentence.user_data)
    if is_partial or sentence.rejected:
        write_partial(doc, sentence.annotated_labels, sentence.rejected)
    doc.user_data.update({("._.", name, None, None): value for name, value in sentence.context.items()})
    return doc


def from_doc(doc: Doc, spans_key: str = SPANS_KEY) -> Sentence:
    """Convert a Doc to a sentence, the inverse of `to_doc`.

    doc (Doc): The Doc.
    spans_key (str): Key of the spans.
    RETURNS (Sentence): The words, the spans and all other data that `to_doc` writes.

    >>> sentence = Sentence(["Ada", "sang"], [LabeledSpan(0, 1, "PER")])
    >>> from_doc(to_doc(sentence, plain_vocab())) == sentence
    True
    """
    partial = PartialAnnotation.of(doc)
    return Sentence(
        [token.text for token in doc],
        _labelled(doc, spans_key),
        spaces=None if doc.has_unknown_spaces else [bool(token.whitespace_) for token in doc],
        categories=dict(doc.cats),
        extensions=_labelled(doc, EXTENSION_KEY) if EXTENSION_KEY in doc.spans else None,
        source_record=source_record(doc),
        user_data={key: doc.user_data[key] for key in USER_KEYS if key in doc.user_data},
        annotated_labels=partial.labels,
        rejected=partial.rejected,
        context={key[1]: value for key, value in _context(doc).items()},
    )


def bare_doc(doc: Doc, vocab: Vocab) -> Doc:
    """Copy the words and spaces of a Doc and its texts under `doc._`, without annotation.

    doc (Doc): The Doc.
    vocab (Vocab): Vocabulary of the copy.
    RETURNS (Doc): The copy.

    >>> doc = to_doc(Sentence(["Ada", "sang"], [LabeledSpan(0, 1, "PER")]), plain_vocab())
    >>> bare = bare_doc(doc, doc.vocab)
    >>> bare.text, bare.ents, "sc" in bare.spans
    ('Ada sang ', (), False)
    """
    bare = Doc(vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
    copy_context(doc, bare)
    return bare


def copy_context(source: Doc, target: Doc) -> None:
    """Copy the values of `doc._` that are texts, lists, tuples or dicts from one Doc to another.

    source (Doc): The Doc to copy from.
    target (Doc): The Doc to copy to, which is changed.

    >>> import spacy
    >>> source, target = spacy.blank("en").pipe(["Ada", "Ada"])
    >>> source.user_data["._.", "passages", None, None] = "Ada is a person."
    >>> copy_context(source, target)
    >>> list(target.user_data.values())
    ['Ada is a person.']
    """
    target.user_data.update(_context(source))


def _context(doc: Doc) -> Dict[tuple, Any]:
    # spaCy stores `doc._.name` under ("._.", name, None, None); attributes of spans have offsets in place of None.
    return {
        key: value
        for key, value in doc.user_data.items()
        if isinstance(key, tuple)
        and key[0] == "._."
        and key[2:] == (None, None)
        and isinstance(value, (str, list, tuple, dict))
    }


def drop_blank_docs(docs: Iterable[Doc]) -> List[Doc]:
    """Drop Docs that are empty or only white space.

    docs (Iterable[Doc]): The Docs.
    RETURNS (List[Doc]): The other Docs.

    >>> import spacy
    >>> drop_blank_docs(spacy.blank("en").pipe(["Ada", "", " "]))
    [Ada]
    """
    return [doc for doc in docs if doc.text.strip()]


def entity_spans(doc: Doc, spans_key: str = SPANS_KEY) -> List[Span]:
    """Read the entities of a Doc.

    doc (Doc): The Doc.
    spans_key (str): Key of the spans.
    RETURNS (List[Span]): The spans under the key, or `doc.ents` if the Doc does not have it.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.ents = [Span(doc, 0, 1, "PER")]
    >>> entity_spans(doc)
    [Ada]
    """
    return list(doc.spans[spans_key] if spans_key in doc.spans else doc.ents)


def other_span_keys(docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> List[str]:
    """Find the keys of spans in Docs that have none under the expected key, nor `doc.ents`.

    docs (Iterable[Doc]): The Docs.
    spans_key (str): The expected key.
    RETURNS (List[str]): The other keys, without that of extension labels; empty if any Doc has the expected key or
        `doc.ents`.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["mine"] = [Span(doc, 0, 1, "PER")]
    >>> other_span_keys([doc], "sc"), other_span_keys([doc], "mine")
    (['mine'], [])
    """
    keys: Set[str] = set()
    for doc in docs:
        if spans_key in doc.spans or doc.ents:
            return []
        keys.update(key for key, group in doc.spans.items() if len(group) and key != EXTENSION_KEY)
    return sorted(keys)


def spans_on(doc: Doc, spans: Iterable[Span]) -> List[Span]:
    """Map spans of a Doc with the same text, but other tokens, to the tokens of this Doc.

    doc (Doc): The Doc.
    spans (Iterable[Span]): Spans of the other Doc.
    RETURNS (List[Span]): One span per input, over all tokens that it touches.

    >>> import spacy
    >>> letters = Doc(Vocab(), words=list("Adas"), spaces=[False] * 4)
    >>> spans_on(spacy.blank("en")("Adas"), [Span(letters, 0, 3, "PER")])
    [Adas]
    """
    return [doc.char_span(one.start_char, one.end_char, label=one.label_, alignment_mode="expand") for one in spans]


def _labelled(doc: Doc, key: str) -> List[LabeledSpan]:
    return [LabeledSpan(span.start, span.end, span.label_) for span in doc.spans.get(key, [])]


def to_docs(sentences: Iterable[Sentence], spans_key: str = SPANS_KEY) -> Iterator[Doc]:
    """Convert sentences to Docs. Words in a Chinese or Japanese script get no spaces.

    The Docs share a vocabulary, and after `VOCAB_SENTENCES` sentences the next one, so that a long corpus needs no more
    memory than a short one.

    sentences (Iterable[Sentence]): The sentences.
    spans_key (str): Key of the spans.
    YIELDS (Doc): The Docs.

    >>> [doc.text for doc in to_docs([Sentence(["上", "海"], [])])]
    ['上海']
    """
    sentences = iter(sentences)
    first = list(islice(sentences, SAMPLED_SENTENCES))
    spaces = choose_tokenizer(word for sentence in first for word in sentence.words) == "spacy"
    for number, sentence in enumerate(chain(first, sentences)):
        if number % VOCAB_SENTENCES == 0:
            vocab = plain_vocab()
        yield to_doc(sentence, vocab, spans_key, spaces)


def write_docs(docs: Iterable[Doc], path: Path) -> None:
    """Write a DocBin with all data of the Docs, atomically.

    docs (Iterable[Doc]): The Docs.
    path (Path): The file.
    RAISES (LownerError): If it cannot be written.
    """
    cache_codecs()
    data = DocBin(docs=docs, store_user_data=True).to_bytes()
    with atomic_path(path) as draft:
        draft.write_bytes(data)


def is_docbin(path: Path) -> bool:
    """Check whether `read_docs` reads a path: a file with the suffix of DocBins, or a folder.

    path (Path): The path.
    RETURNS (bool): Whether it does.

    >>> is_docbin(Path("train.spacy")), is_docbin(Path("train.jsonl"))
    (True, False)
    """
    return path.suffix == ".spacy" or path.is_dir()


def read_docs(path: Path, vocab: Optional[Vocab] = None) -> Iterator[Doc]:
    """Read a DocBin, or all DocBins in a folder.

    path (Path): The file or folder.
    vocab (Optional[Vocab]): Vocabulary of the Docs; by default one without a language.
    YIELDS (Doc): The Docs.
    RAISES (LownerError): If the path is missing, or a DocBin is damaged.
    """
    cache_codecs()
    vocab = vocab or plain_vocab()
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise LownerError(Errors.LN010.format(path=path))
    for file in files:
        number = 0
        try:
            # spaCy reads lazily, so an error can come at any Doc.
            for number, doc in enumerate(DocBin(store_user_data=True).from_disk(file).get_docs(vocab), 1):
                yield _checked(doc)
        except LownerError:
            raise
        except Exception as error:
            # Damaged bytes cause all kinds of errors of zlib, msgpack, numpy and spaCy.
            reason = f"{type(error).__name__} after {number} Docs: {error}"
            raise LownerError(Errors.LN015.format(path=file, reason=reason)) from error


def _checked(doc: Doc) -> Doc:
    """RETURNS (Doc): The same Doc. RAISES (Exception): If a string is missing or a span lies outside: damage."""
    for values in doc.to_array(HASHED).T:
        for value in set(values.tolist()) - {0}:
            doc.vocab.strings[value]
    for span in (*doc.ents, *(span for group in doc.spans.values() for span in group)):
        # Each look-up raises an error if the string is missing.
        span.label_, span.kb_id_, span.id_, span.text
        if not 0 <= span.start <= span.end <= len(doc):
            raise ValueError(f"a span {span.start}-{span.end} in a Doc of {len(doc)} tokens")
    if not all(isinstance(value, (int, float)) for value in doc.cats.values()):
        raise ValueError("a category without a number")
    return doc
