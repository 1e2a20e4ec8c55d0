"""Text beside a Doc that helps to read it: reasoning, retrieved passages, entries of a glossary."""

from spacy.tokens import Doc

# Where `llm_reasoner` writes: a dict of "initial", "bidirectional", "model" and "prompt_hash".
REASONING = "lowner_reasoning"
REASONING_PARTS = ("initial", "bidirectional")
# In the `user_data` of a Doc that is read in one window, because its end may be cut.
WHOLE = "lowner_whole"


def register(name: str) -> None:
    """Make `doc._.<name>` exist, empty, where nobody else has made it."""
    if not Doc.has_extension(name):
        Doc.set_extension(name, default=None)


def context_of(doc: Doc, name: str) -> str:
    """RETURNS (str): What `doc._.<name>` says: a text, several, the parts of a reasoning, or all values of another dict; empty where there is none."""
    # A pipe may have come here by pickle, past its constructor.
    register(name)
    value = doc._.get(name)
    if isinstance(value, dict):
        parts = [part for part in REASONING_PARTS if part in value] or list(value)
        value = " ".join(str(value[part]) for part in parts if value[part])
    if isinstance(value, (list, tuple)):
        value = " ".join(map(str, value))
    return str(value or "")
