"""What all formats of conversations share: turns and tools on their way into one training record.

These formats refuse what a record cannot say, or what would be lost on the way. Whether the turns they make are in
order, complete and fit for a model is for the checks, which look at every record anyway.
"""

from __future__ import annotations

import abc
import difflib
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import attrs

from nova_tune.checks import decode, duplicate_keys
from nova_tune.conversation import Conversation
from nova_tune.errors import DatasetError
from nova_tune.models import SCHEMA_VERSION
from nova_tune.template import clip, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MEDIA_COLUMNS = ("images", "videos", "audios", "image", "video", "audio")
_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema")
_ANYTHING = {"type": "object", "properties": {}}


def refuse(place: str, what: str, remedy: str) -> NoReturn:
    """Raise the refusal of a row.

    Args:
        place: The turn or column.
        what: What is wrong with it.
        remedy: The next move.
    """
    raise DatasetError(f"{place}: {what}; {remedy}", hint=remedy)


def text_in(value: Any, place: str) -> str:
    """A value that has to be text.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        DatasetError: It is of another type.
    """
    if not isinstance(value, str):
        refuse(place, f"this is {type(value).__name__}, not text", "write it as text in the source")
    return value


def parsed(text: str, place: str) -> Any:
    """The value of a JSON text in a cell.

    Args:
        text: The JSON.
        place: Where it stands.

    Raises:
        DatasetError: It is not JSON, or a key stands twice.
    """
    value, fault = decode(text.encode("utf-8", "surrogatepass"))
    fault = fault or next(duplicate_keys(value), None)
    if fault is not None:
        refuse(place, f"the JSON in this text cannot be read: {fault.message}", "correct it in the source")
    return value


class Turns:
    """One record in the making; it lives for one row."""

    def __init__(self) -> None:
        self.system: list[str] = []
        self.tools: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self._waiting: list[tuple[str, str]] = []
        self._calls = 0

    def add_system(self, text: str, place: str) -> None:
        """A system prompt, which comes before all turns."""
        if self.messages:
            refuse(place, "a system message after the first turn has no place in a training record",
                   "move it to the front, or into the user's text")  # fmt: skip
        self.system.append(text)

    def say(self, role: str, blocks: list[dict[str, Any]]) -> None:
        """One turn; what a user says after tool results, and further results, join the turn with the first result."""
        last = self.messages[-1] if self.messages else {"role": None, "content": []}
        if role == last["role"] == "user" and any("toolResult" in block for block in last["content"]):
            last["content"].extend(blocks)
        else:
            self.messages.append({"role": role, "content": blocks})

    def call(self, name: Any, arguments: Any, place: str, ident: str | None = None) -> dict[str, Any]:
        """The block of a tool call.

        Args:
            name: The tool.
            arguments: An object, or the JSON text of one.
            place: Where the call stands.
            ident: Its id; one is made up without it.
        """
        if not isinstance(name, str) or not name:
            refuse(place, "a tool call without a name", "name the tool that is called")
        if isinstance(arguments, str):
            arguments = parsed(arguments, f"{place}, the arguments of {clip(name)!r}") if arguments.strip() else {}
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            refuse(place, f"the arguments of {clip(name)!r} are {type(arguments).__name__}, not an object",
                   "write them as a JSON object")  # fmt: skip
        self._calls += 1
        ident = ident or f"call_{self._calls}"
        self._waiting.append((ident, name))
        return {"toolUse": {"toolUseId": ident, "name": name, "input": arguments}}

    def result(
        self, content: list[dict[str, Any]], place: str, *, ident: str | None = None, name: str | None = None
    ) -> None:
        """The result of a tool, as a user's turn.

        Args:
            content: Its blocks.
            place: Where it stands.
            ident: The id of the call; without it, the first call that waits for a result.
            name: The tool, where only calls of that tool are meant.
        """
        if ident is None:
            found = next((each for each in self._waiting if name is None or name == each[1]), None)
            if found is None:
                refuse(place, "a tool result that no call before it waits for", "put the call before it")
            self._waiting.remove(found)
            ident = found[0]
        self.say("user", [{"toolResult": {"toolUseId": ident, "content": content}}])

    def add_tools(self, tools: Any, place: str) -> None:
        """The tools of a conversation.

        Args:
            tools: A list of tools as OpenAI or Anthropic write them, or the JSON text of one; None and "" for none.
            place: The column.
        """
        if isinstance(tools, str):
            tools = parsed(tools, place) if tools.strip() else None
        if not isinstance(tools, list | None):
            refuse(place, f"the tools are {type(tools).__name__}, not a list", "write a list of tools")
        for index, each in enumerate(tools or (), 1):
            tool = each.get("function", each) if isinstance(each, dict) else each
            if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
                refuse(f"{place}, tool {index}", "a tool is an object with a name", "give its name and parameters")
            schema = next((tool[key] for key in _SCHEMA_KEYS if tool.get(key) is not None), _ANYTHING)
            spec = {"name": tool["name"], "inputSchema": {"json": schema}}
            if tool.get("description"):
                spec = {"name": tool["name"], "description": tool["description"], "inputSchema": {"json": schema}}
            self.tools.append({"toolSpec": spec})

    def line(self) -> bytes:
        """The record as the bytes of its line."""
        record: dict[str, Any] = {"schemaVersion": SCHEMA_VERSION.value}
        if self.system:
            record["system"] = [{"text": text} for text in self.system]
        if self.tools:
            record["toolConfig"] = {"tools": self.tools}
        record["messages"] = self.messages
        return json_line(record)


def json_line(record: Mapping[str, Any]) -> bytes:
    """A record as the bytes of its line.

    Args:
        record: The record.

    Raises:
        DatasetError: It holds what JSON does not know.
    """
    try:
        return Conversation.from_dict(record).to_line()
    except (TypeError, ValueError) as error:
        raise DatasetError(f"this row cannot be written as JSON: {error}") from error


@attrs.frozen(kw_only=True)
class ChatFormat(abc.ABC):
    """Rows that hold a conversation each.

    Args:
        drop_unknown: Leave out keys of a turn that a training record has no place for, instead of refusing the row.
    """

    kind: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    drop_unknown: bool = False

    @property
    def template(self) -> None:
        """None: each row brings its own prompt."""
        return

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        for name in _MEDIA_COLUMNS:
            if _filled(row.get(name)):
                refuse(f"column {name!r}", "a training record names its media in S3, not in a column",
                       "upload them and give each as an image block with its s3:// URI")  # fmt: skip
        turns = Turns()
        self.read(row, turns)
        return turns.line()

    @abc.abstractmethod
    def read(self, row: Mapping[str, Any], turns: Turns) -> None:
        """Put what a row holds into a record.

        Args:
            row: The row.
            turns: The record in the making.
        """
        ...

    def turns_in(self, row: Mapping[str, Any], column: str) -> list[tuple[str, dict[str, Any]]]:
        """The place and content of each turn of a column.

        Args:
            row: The row.
            column: The column with the turns.

        Raises:
            DatasetError: There is no such column, or it is no list of objects.
        """
        turns = required(row, column)
        if not isinstance(turns, list) or not turns:
            what = "an empty list" if turns == [] else type(turns).__name__
            refuse(f"column {column!r}", f"this is {what}, not a list of turns", "give each turn as an object")
        for number, turn in enumerate(turns, 1):
            if not isinstance(turn, dict):
                refuse(f"turn {number}", f"this is {type(turn).__name__}, not an object", "give each turn as an object")
        return [(f"turn {number}", turn) for number, turn in enumerate(turns, 1)]

    def known(self, value: Mapping[str, Any], keys: Collection[str], place: str) -> None:
        """Refuse keys that would be lost; empty ones say nothing and pass.

        Args:
            value: A turn or a block.
            keys: What the format reads.
            place: Where it stands.

        Raises:
            DatasetError: There is another one.
        """
        if self.drop_unknown:
            return
        for key, held in value.items():
            if key not in keys and _filled(held):
                refuse(place, f"a training record has no place for {clip(str(key))!r}",
                       "take it out, or leave all such keys out with drop_unknown")  # fmt: skip


def required(row: Mapping[str, Any], column: str) -> Any:
    """The cell of a column that has to be there.

    Args:
        row: The row.
        column: The column.

    Raises:
        DatasetError: It is missing, with the nearest name.
    """
    if column not in row:
        near = difflib.get_close_matches(column, [clip(str(name)) for name in row], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DatasetError(f"there is no column {column!r}; columns are {listed(row)}{hint}")
    return row[column]


def _filled(value: Any) -> bool:
    return value is not None and not (isinstance(value, str | list | dict) and not value)
