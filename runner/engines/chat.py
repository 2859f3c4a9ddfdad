"""Conversations as tokens: pure parts that both engines share."""

from __future__ import annotations

from collections.abc import Sequence

Message = dict[str, str]


def messages_of(system: str, prompt: str, reference: str | None = None) -> list[Message]:
    """A conversation of a system turn (where there is one), a user turn, and the answer (where given)."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    if reference is not None:
        messages.append({"role": "assistant", "content": reference})
    return messages


def answer_after(prompt: Sequence[int], whole: Sequence[int], end_tokens: frozenset[int]) -> list[int] | None:
    """The tokens after the prompt, up to and with the last end token.

    None where the template renders the conversation so that it does not begin with the prompt's tokens, or ends the
    turn with no end token (then the answer's own tokens are used).
    """
    if list(whole[: len(prompt)]) != list(prompt):
        return None
    rest = list(whole[len(prompt) :])
    ends = [i for i, token in enumerate(rest) if token in end_tokens]
    return rest[: ends[-1] + 1] if ends else None


def end_of_turn(preferred: int | None, end_tokens: frozenset[int]) -> int:
    """The token that ends an answer: the tokenizer's own where generation stops at it, else the smallest that does."""
    if preferred is not None and preferred in end_tokens:
        return preferred
    return min(end_tokens)


def free_from(tokens: Sequence[int], empty: Sequence[int]) -> int:
    """How many leading tokens do not depend on the prompt's text: what two renderings have in common."""
    for i, (a, b) in enumerate(zip(tokens, empty, strict=False)):
        if a != b:
            return i
    return min(len(tokens), len(empty))
