"""Names of the fields of a JSON record, as annotation tools write them."""

from ...annotations import USER_KEYS

TOKEN_KEYS = ("tokens", "words", "tokenized_text")
TEXT_KEYS = ("text", "sentence")
SPAN_KEYS = ("spans", "entities", "entity_mentions", "ents", "ner", "annotations", "annotation", "label", "labels")
# These may hold classes of the whole text instead of spans.
CLASS_KEYS = ("label", "labels")
TAG_KEYS = ("ner_tags", "tags")
START_KEYS = ("start", "start_idx", "start_offset", "begin", "start_char", "char_start", "start_pos", "startOffset")
END_KEYS = ("end", "end_idx", "end_offset", "stop", "end_char", "char_end", "end_pos", "endOffset")
# Start and end in one list.
POSITION_KEYS = ("span", "pos", "offsets", "offset", "position", "indices")
LABEL_KEYS = ("label", "type", "entity_type", "tag", "labels", "entity_label")
# The text of a span.
MENTION_KEYS = ("text", "mention")
CATEGORY_KEYS = ("categories", "cats")
# Fields of the JSONL that this package writes: extension spans, in tokens and with excluded ends, and their annotator.
EXTENSIONS = "extensions"
EXTENSIONS_SOURCE = "extensions_source"
# Partial annotation: the labels that are annotated completely in a text, and spans that were judged and rejected.
ANNOTATED_LABELS = "annotated_labels"
REJECTED = "rejected_spans"
KNOWN = {
    *TOKEN_KEYS,
    *TEXT_KEYS,
    *SPAN_KEYS,
    *TAG_KEYS,
    *CATEGORY_KEYS,
    *USER_KEYS,
    EXTENSIONS,
    EXTENSIONS_SOURCE,
    ANNOTATED_LABELS,
    REJECTED,
    "spaces",
    "context",
}
# Keys that describe a text. They hold no annotation of its words.
HARMLESS = {
    *("id", "idx", "index", "uid", "uuid", "doc_id", "docid", "doc_key", "document_id", "sent_id", "sentence_id"),
    *("meta", "metadata", "source", "url", "uri", "title", "lang", "language", "split", "date", "time", "timestamp"),
    *("created_at", "updated_at", "author", "annotator", "Comments", "comments", "relations", "sents"),
}
