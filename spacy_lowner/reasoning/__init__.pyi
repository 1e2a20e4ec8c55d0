from .chain import Example, ReasoningChain
from .examples import load_examples
from .reason import Reasoned, reason_about

__all__ = [
    "Example",
    "Reasoned",
    "ReasoningChain",
    "load_examples",
    "reason_about",
]
