"""Who speaks, in every spelling that people and other frameworks use."""

from __future__ import annotations

from tunewright.data.content import ASSISTANT, SYSTEM, TOOL, USER

DEVELOPER = "developer"
"""The system prompt of newer OpenAI models; read as the system's, its spelling is kept."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    SYSTEM: ("system", "developer", "system_prompt"),
    USER: ("user", "human", "prompter", "customer", "question", "query"),
    ASSISTANT: ("assistant", "gpt", "model", "bot", "chatbot", "ai", "chatgpt", "agent", "answer"),
    TOOL: (
        *("tool", "observation", "tool_response", "tool_result", "tool_results", "function"),
        *("function_response", "function_result", "ipython"),
    ),
}
"""Role to its spellings, in lower case with `_` between words."""

CALLS = ("function_call", "tool_call", "tool_calls", "function_calls")
"""Roles of turns in which the assistant calls tools; their text is the calls as JSON."""

_ROLE = {spelling: role for role, names in SPELLINGS.items() for spelling in names}


def plain_role(spelled: str) -> str:
    """A role as spellings are compared."""
    return spelled.strip().lower().replace("-", "_").replace(" ", "_")


def role_of(spelled: str) -> str:
    """The role that a spelling means; the spelling itself where it is not known."""
    return _ROLE.get(plain_role(spelled), spelled)


def is_role(spelled: object) -> bool:
    """Whether a value is a known spelling of a role."""
    if not isinstance(spelled, str):
        return False
    plain = plain_role(spelled)
    return plain in _ROLE or plain in CALLS
