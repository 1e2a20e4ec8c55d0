from .client import OpenAIClient, create_openai_client
from .messages import LanguageModel, Reply, Request
from .replay import ReplayLLM, create_replay_llm

__all__ = [
    "LanguageModel",
    "OpenAIClient",
    "ReplayLLM",
    "Reply",
    "Request",
    "create_openai_client",
    "create_replay_llm",
]
