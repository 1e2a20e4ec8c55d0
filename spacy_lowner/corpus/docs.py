"""Sentences to Docs, Docs to files."""

from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional

from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.util import filter_spans
from spacy.vocab import Vocab

from ..annotations import EXTENSION_KEY, SPANS_KEY, USER_KEYS
from ..errors import Errors, LownerError
from .codecs import cache_codecs
from .extensions import source_record
from .files import atomic_path
from .sentence import LabeledSpan, Sentence
from .tokens import choose_tokenizer, plain_vocab

# Token attributes whose values are hashes of strings, which a damaged file may not have.
HASHED = ["ORTH", "NORM", "LEMMA", "TAG", "DEP", "MORPH", "ENT_TYPE", "ENT_KB_ID", "ENT_ID"]


def to_doc(sentence: Sentence, vocab: Vocab, spans_key: str = SPANS_KEY, spaces: bool = True) -> Doc:
    """Make a Doc with its spans under `spans_key` (empty where there are none) and their flat reading in `doc.ents`.

    Where the source has words only, the Doc says so (`has_unknown_spaces`), and `spacy.Corpus` trains on these very words.

    sentence (Sentence): The sentence. vocab (Vocab): Of the Doc. spans_key (str): Key of the spans.
    spaces (bool): Whether words are separated by spaces where the source does not say.
    RETURNS (Doc): The Doc.
    """
    doc = Doc(vocab, words=sentence.words, spaces=sentence.spaces or [spaces] * len(sentence.words))
    doc.has_unknown_spaces = sentence.spaces is None
    spans = [Span(doc, start, end, label=label) for start, end, label in sentence.spans]
    doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=spans)
    doc.set_ents(filter_spans(spans), default="outside")
    doc.cats = dict(sentence.categories)
    if sentence.extensions is not None:
        extensions = [Span(doc, start, end, label=label) for start, end, label in sentence.extensions]
        doc.spans[EXTENSION_KEY] = SpanGroup(doc, name=EXTENSION_KEY, attrs=dict(sentence.asked), spans=extensions)
    doc.user_data.update(sentence.user_data)
    doc.user_data.update({("._.", name, None, None): value for name, value in sentence.context.items()})
    return doc


def from_doc(doc: Doc, spans_key: str = SPANS_KEY) -> Sentence:
    """RETURNS (Sentence): The words of a Doc with the spans under `spans_key` and all else that `to_doc` puts there."""
    return Sentence(
        [token.text for token in doc],
        _labelled(doc, spans_key),
        spaces=None if doc.has_unknown_spaces else [bool(token.whitespace_) for token in doc],
        categories=dict(doc.cats),
        extensions=_labelled(doc, EXTENSION_KEY) if EXTENSION_KEY in doc.spans else None,
        asked=source_record(doc),
        user_data={key: doc.user_data[key] for key in USER_KEYS if key in doc.user_data},
        context={key[1]: value for key, value in _context(doc).items()},
    )


def bare_doc(doc: Doc, vocab: Vocab) -> Doc:
    """RETURNS (Doc): The words and spaces of a Doc and the texts beside it, and no annotation."""
    bare = Doc(vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
    copy_context(doc, bare)
    return bare


def copy_context(source: Doc, target: Doc) -> None:
    """Copy what stands under `doc._` as text, or as several."""
    target.user_data.update(_context(source))


def _context(doc: Doc) -> Dict[tuple, Any]:
    return {
        key: value
        for key, value in doc.user_data.items()
        if isinstance(key, tuple)
        and key[0] == "._."
        and key[2:] == (None, None)
        and isinstance(value, (str, list, tuple, dict))
    }


def drop_blank_docs(docs: Iterable[Doc]) -> List[Doc]:
    """RETURNS (List[Doc]): Those that are more than white space."""
    return [doc for doc in docs if doc.text.strip()]


def entity_spans(doc: Doc, spans_key: str = SPANS_KEY) -> List[Span]:
    """RETURNS (List[Span]): The entities of a Doc, from `doc.spans[spans_key]` or else `doc.ents`."""
    return list(doc.spans[spans_key] if spans_key in doc.spans else doc.ents)


def other_span_keys(docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> List[str]:
    """RETURNS (List[str]): The keys of the spans of Docs, if all of them are under others than one key and `doc.ents`."""
    keys = set()
    for doc in docs:
        if spans_key in doc.spans or doc.ents:
            return []
        keys.update(key for key, group in doc.spans.items() if len(group) and key != EXTENSION_KEY)
    return sorted(keys)


def spans_on(doc: Doc, spans: Iterable[Span]) -> List[Span]:
    """RETURNS (List[Span]): Spans of a Doc of the same text, whose words may be others, on the words that they touch here."""
    return [doc.char_span(one.start_char, one.end_char, label=one.label_, alignment_mode="expand") for one in spans]


def _labelled(doc: Doc, key: str) -> List[LabeledSpan]:
    return [LabeledSpan(span.start, span.end, span.label_) for span in doc.spans.get(key, [])]


def to_docs(sentences: Iterable[Sentence], spans_key: str = SPANS_KEY) -> List[Doc]:
    """Make Docs that share a vocabulary; character-dense scripts get no spaces. RETURNS (List[Doc]): The Docs."""
    sentences = list(sentences)
    spaces = choose_tokenizer(word for sentence in sentences[:200] for word in sentence.words) == "spacy"
    vocab = plain_vocab()
    return [to_doc(sentence, vocab, spans_key, spaces) for sentence in sentences]


def write_docs(docs: Iterable[Doc], path: Path) -> None:
    """Write a DocBin with everything on the Docs, at once or not at all."""
    cache_codecs()
    data = DocBin(docs=docs, store_user_data=True).to_bytes()
    with atomic_path(path) as draft:
        draft.write_bytes(data)


def is_docbin(path: Path) -> bool:
    """RETURNS (bool): Whether `read_docs` takes it: a DocBin by its name, or a folder."""
    return path.suffix == ".spacy" or path.is_dir()


def read_docs(path: Path, vocab: Optional[Vocab] = None) -> Iterator[Doc]:
    """Read a DocBin, or all in a folder.

    path (Path): The file or folder.
    vocab (Optional[Vocab]): For the Docs; by default a plain one.
    YIELDS (Doc): The Docs.
    RAISES (LownerError): If it is missing, or a DocBin is damaged.
    """
    cache_codecs()
    vocab = vocab or plain_vocab()
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise LownerError(Errors.LN010.format(path=path))
    for file in files:
        number = 0
        try:
            # spaCy reads lazily, so that a damaged Doc is found when its turn comes.
            for number, doc in enumerate(DocBin(store_user_data=True).from_disk(file).get_docs(vocab), 1):
                yield _checked(doc)
        except LownerError:
            raise
        except Exception as error:
            # Damaged bytes fail in every way that zlib, msgpack, numpy and spaCy have.
            reason = f"{type(error).__name__} after {number} Docs: {error}"
            raise LownerError(Errors.LN015.format(path=file, reason=reason)) from error


def _checked(doc: Doc) -> Doc:
    """RETURNS (Doc): The same. RAISES (Exception): If a string of it is missing or a span lies outside: then the file is damaged."""
    for values in doc.to_array(HASHED).T:
        for value in set(values.tolist()) - {0}:
            doc.vocab.strings[value]
    for span in (*doc.ents, *(span for group in doc.spans.values() for span in group)):
        span.label_, span.kb_id_, span.id_, span.text
        if not 0 <= span.start <= span.end <= len(doc):
            raise ValueError(f"a span {span.start}-{span.end} in a Doc of {len(doc)} tokens")
    if not all(isinstance(value, (int, float)) for value in doc.cats.values()):
        raise ValueError("a category without a number")
    return doc
