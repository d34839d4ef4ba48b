"""From rows of a table to training records: one small format for each kind of table people come with.

A format is a value with a ``template`` and a ``line`` method; :class:`Format` is the protocol for your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.formats._alpaca import alpaca
from nova_tune.formats._auto import AutoFormat, ChosenFormat, auto
from nova_tune.formats._claude import claude
from nova_tune.formats._conversation import ConversationFormat, conversation
from nova_tune.formats._openai import openai_chat
from nova_tune.formats._sharegpt import sharegpt
from nova_tune.formats._template import Format, TemplateFormat, prompt_completion, template, text_to_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "BY_KIND",
    "AutoFormat",
    "ChosenFormat",
    "ConversationFormat",
    "Format",
    "TemplateFormat",
    "alpaca",
    "auto",
    "claude",
    "conversation",
    "openai_chat",
    "prompt_completion",
    "sharegpt",
    "template",
    "text_to_sql",
]

BY_KIND: Mapping[str, Callable[..., Any]] = {
    "auto": auto,
    "text-to-sql": text_to_sql,
    "openai-chat": openai_chat,
    "prompt-completion": prompt_completion,
    "alpaca": alpaca,
    "sharegpt": sharegpt,
    "claude": claude,
    "conversation": conversation,
    "template": template,
}
"""What makes the format of each kind, by the name it has on the command line."""
