"""The prompt template: one value that shapes the training data and, later, every question asked.

A model answers well when it is asked the way it was trained. So the template is part of the data: it is saved
in the manifest beside the uploaded file, and :meth:`nova_tune.Deployment.ask` renders the same one.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import string
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_FORMATTER = string.Formatter()
_LISTED = 12
_SHOWN = 40


@functools.lru_cache(maxsize=64)  # every row asks for the same three
def _fields(text: str) -> tuple[str, ...]:
    try:
        parts = list(_FORMATTER.parse(text))
    except ValueError as error:
        raise TemplateError(
            f"the template text {clip(text)!r} cannot be read: {error}; write a literal brace twice"
        ) from None
    names: list[str] = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        # str.format would read a dot or a bracket as a look-up inside the value, and digits as a position.
        if not name.strip() or name != name.strip() or name.isdigit() or set(name) & set(".[]") or spec or conversion:
            raise TemplateError(
                f"{{{clip(name)}}} is not a column name; a field is {{column}} alone, a literal brace is doubled"
            )
        if name not in names:
            names.append(name)
    return tuple(names)


@functools.lru_cache(maxsize=64)
def _columns(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for text in texts for name in _fields(text)))


@functools.lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((literal, name) for literal, name, _, _ in _FORMATTER.parse(text))


def _rendered(text: str, values: Mapping[str, Any]) -> str:
    """What ``text.format_map(values)`` gives for texts, without reading the template again for each row."""
    return "".join([part if name is None else part + values[name] for part, name in _pieces(text)])


def _check(_: Template, __: attrs.Attribute[str], text: str) -> None:
    _fields(text)


@attrs.frozen
class Template:
    """Texts with ``{column}`` fields for the system prompt, the user's turn and the assistant's turn.

    It lives as long as the model that was trained with it: keep it with the data, not in a notebook.

    Args:
        system: The system prompt; empty for none.
        user: What the user says.
        assistant: What the model should answer; not rendered at inference.

    Raises:
        TemplateError: A field is not a plain column name.

    Example:
        >>> template = Template(system="Answer for {schema}", user="{question}", assistant="{sql}")
        >>> template.prompt({"schema": "CREATE TABLE t (a INT)", "question": "How many?"})
        ('Answer for CREATE TABLE t (a INT)', 'How many?')
    """

    system: str = attrs.field(validator=_check)
    user: str = attrs.field(validator=_check)
    assistant: str = attrs.field(validator=_check)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the template needs, in order of appearance."""
        return _columns(self.system, self.user, self.assistant)

    @property
    def prompt_columns(self) -> tuple[str, ...]:
        """The columns needed to ask: those of the system prompt and the user's turn."""
        return _columns(self.system, self.user)

    def prompt(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """The system prompt and the user's turn for these values.

        Args:
            values: One text for each of :attr:`prompt_columns`; more are refused.

        Raises:
            TemplateError: A column is missing, is not text, or is not in the template.
        """
        self._require(self.prompt_columns, values)
        if unknown := [name for name in values if name not in self.prompt_columns]:
            raise TemplateError(
                f"the template has no field {{{clip(str(unknown[0]))}}}; its fields are {listed(self.prompt_columns)}"
            )
        return _rendered(self.system, values), _rendered(self.user, values)

    def turns(self, row: Mapping[str, Any]) -> tuple[str, str, str]:
        """System prompt, user's turn and assistant's turn for one row; other columns are left alone.

        Args:
            row: A mapping with at least :attr:`columns`.

        Raises:
            TemplateError: A column is missing or is not text.
        """
        try:
            return _rendered(self.system, row), _rendered(self.user, row), _rendered(self.assistant, row)
        except (KeyError, TypeError):
            self._require(self.columns, row)
            raise

    def _require(self, needed: Iterable[str], values: Mapping[str, Any]) -> None:
        for name in needed:
            if name not in values:
                raise TemplateError(missing_column(name, values))
            value = values[name]
            if not isinstance(value, str):
                raise TemplateError(
                    f"column {name!r} holds {type(value).__name__}, not text; convert it to text in the source, "
                    "so that what the model reads is what you saw"
                )

    def to_dict(self) -> dict[str, str]:
        """The template as plain JSON."""
        return {"system": self.system, "user": self.user, "assistant": self.assistant}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Template:
        """The template that :meth:`to_dict` wrote."""
        return cls(system=data["system"], user=data["user"], assistant=data["assistant"])


def missing_column(name: str, values: Mapping[str, Any]) -> str:
    """The sentence for a field without a column, with the nearest name.

    Args:
        name: The field.
        values: The row.
    """
    near = difflib.get_close_matches(name, [clip(str(key)) for key in values], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"template field {{{name}}} has no column; columns are {listed(values)}{hint}"


def listed(names: Collection[Any]) -> str:
    """The first twelve names for a message, each clipped to 40 characters.

    Args:
        names: The columns of a row; they are the user's data, and there may be thousands.
    """
    shown = [clip(str(name)) for name in itertools.islice(names, _LISTED)]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(shown) or "none") + more


def clip(text: str) -> str:
    """At most 40 characters of the user's own content, for a message."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
