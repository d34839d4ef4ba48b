"""Every rule of the checks, as data: its id, how grave a breach is, what it states, and where AWS says so.

Severities follow one table: an ``error`` is what AWS refuses or what cannot train; a ``warning`` is where AWS's sources
disagree or are silent, or what is probably a mistake; an ``info`` is worth knowing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from nova_tune.checks._report import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nova_tune.checks._report import Severity

_READ = "2026-11-21"
_DATA = "https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html"
_NOVA_2 = "https://docs.aws.amazon.com/nova/latest/nova2-userguide/nova-data-prep-sft-2.html"
_SAGEMAKER = "https://docs.aws.amazon.com/nova/latest/userguide/nova-fine-tune-1.html"
_TROUBLE = "https://docs.aws.amazon.com/bedrock/latest/userguide/fine-tuning-troubleshooting.html"
_VALIDATOR = "aws-samples/amazon-nova-samples nova_ft_dataset_validator.py @1e88f245"
_FORGE = "aws/nova-forge-sdk @a4d5b3d"
_USER = "https://github.com/rezaarchi/bedrock-nova-finetuning-pipeline README, which quotes Bedrock's error"
_JSON = "RFC 8259"
_OURS = "assumed: AWS states nothing"


@attrs.frozen
class Rule:
    """One rule.

    Args:
        id: The stable id that findings carry and that ``ignore`` takes.
        severity: How grave a breach is.
        statement: What holds in a file that keeps it.
        source: The page, script or standard it stands on.
        read: The day that was read.
    """

    id: str
    severity: Severity
    statement: str
    source: str
    read: str = _READ


_TABLE: tuple[tuple[str, Severity, str, str], ...] = (
    ("json.syntax", "error", "Every line is JSON.", _JSON),
    ("json.extra", "error", "Every line holds one value.", _JSON),
    ("json.bom", "error", "The file has no byte order mark.", _JSON),
    ("json.encoding", "error", "The file is UTF-8.", _DATA),
    ("json.number", "error", "Numbers are finite and of a size that programs read.", _JSON),
    ("json.surrogate", "error", "No text holds half of a surrogate pair.", _JSON),
    ("json.nesting", "error", "Lists and objects are at most 128 levels deep.", _OURS),
    ("lines.long", "error", "A line is at most 16 MiB long.", _OURS),
    ("lines.blank", "warning", "No line is blank.", f"{_TROUBLE}; {_VALIDATOR} passes over them"),
    ("lines.crlf", "info", "Lines end in LF alone.", _OURS),
    ("row.cells", "error", "A CSV row has as many cells as the header has columns.", "RFC 4180"),
    ("row.refused", "error", "Every row became a record.", _OURS),
    ("format.other", "error", "The file holds training records, not another kind of data.", _DATA),
    ("file.name", "warning", "The file's name ends in .jsonl and has letters, digits and _ - / . alone.", _DATA),
    ("model.platform", "error", "The model is trained on the platform.", _DATA),
    ("record.object", "error", "A record is an object.", _DATA),
    ("keys.duplicate", "error", "No key stands twice in an object.", _JSON),
    ("keys.required", "error", "Every required key is there.", _DATA),
    ("keys.unknown", "warning", "No key is unknown.", f"{_FORGE} refuses them; {_VALIDATOR} does not"),
    ("schema.type", "error", "schemaVersion is a text.", _DATA),
    ("schema.version", "warning", "schemaVersion is bedrock-conversation-2024.", f"{_FORGE}; {_DATA} takes any text"),
    ("system.shape", "error", "system is a list of objects with a text each.", _DATA),
    ("system.blocks", "info", "system has one block.", _OURS),
    ("messages.shape", "error", "messages is a list of objects.", _DATA),
    ("messages.empty", "error", "There are messages.", _DATA),
    ("turns.role", "error", "A role is user or assistant.", _DATA),
    ("turns.first", "error", "The first turn is the user's.", _DATA),
    ("turns.alternate", "error", "User and assistant take turns.", _DATA),
    ("turns.answer", "error", "There is an assistant turn.", _DATA),
    ("turns.last", "error", "The last turn is the assistant's.", _DATA),
    ("content.shape", "error", "content is a list of blocks.", _DATA),
    ("content.empty", "error", "A turn has content.", _VALIDATOR),
    ("content.block", "error", "A block holds exactly one thing.", _DATA),
    ("content.reasoning", "warning", "A turn with reasoning says something besides.", _VALIDATOR),
    ("text.type", "error", "A text is a JSON string.", _DATA),
    ("text.empty", "error", "A text shows something.", _DATA),
    ("text.reserved", "error", "No text holds a reserved word.", _DATA),
    ("text.reserved-inside", "error", "No text holds a reserved word inside a longer one.", _DATA),
    ("text.reserved-other", "warning", "No text holds a word that AWS's scripts alone refuse.", _VALIDATOR),
    ("length.context", "error", "A record is not certain to be longer than the context.", _DATA),
    ("length.estimate", "warning", "A record is not likely to be longer than the context.", _DATA),
    ("media.model", "error", "The model takes this kind of media.", _DATA),
    ("media.role", "error", "Media stand in user turns.", _DATA),
    ("media.shape", "error", "Media are objects with format and source.", _DATA),
    ("media.format", "error", "The media's format is one that AWS takes.", _DATA),
    ("media.format-disputed", "warning", "No source of AWS's refuses the media's format.", f"{_VALIDATOR}; {_NOVA_2}"),
    ("media.source", "error", "Media are named by an S3 URI and an account of twelve digits.", _DATA),
    ("media.owner", "warning", "Media name their bucket's owner.", f"{_FORGE} requires it; {_VALIDATOR} does not"),
    ("media.inline", "error", "No media stand in the record itself.", _DATA),
    ("media.count", "error", "A record has at most 10 images, 1 video, 1 document.", _DATA),
    ("media.mixed", "error", "A record has one kind of media.", _DATA),
    ("media.mixed-data", "error", "A data set has one kind of media.", _DATA),
    ("media.bucket", "error", "Media are in the data set's bucket.", _DATA),
    ("media.missing", "error", "The S3 object is there.", _DATA),
    ("media.size", "error", "An image or document is at most 10 MB, a video 50 MB.", _DATA),
    ("media.bytes", "error", "The S3 object's first bytes are of the format it is said to have.", _FORGE),
    ("media.unreachable", "warning", "The S3 object could be looked at.", _OURS),
    ("tools.model", "error", "Tools and reasoning are for Nova 2 Lite.", _NOVA_2),
    ("tools.shape", "error", "Tools, their calls, their results and reasoning have AWS's shape.", _NOVA_2),
    ("tools.role", "error", "Calls and reasoning stand in assistant turns, results in user turns.", _NOVA_2),
    ("tools.spec", "warning", "A tool has a description, and its schema a type.", _VALIDATOR),
    ("tools.doubled", "error", "No two tools have one name.", _NOVA_2),
    ("tools.name", "error", "A call names a tool of toolConfig.", _NOVA_2),
    ("tools.id", "error", "Calls have ids of their own, and each result that of one call before it.", _NOVA_2),
    ("tools.answer", "warning", "The turn after a call holds its result.", _OURS),
    ("records.none", "error", "There are records.", _DATA),
    ("records.few", "error", "There are enough records.", f"{_DATA}; Nova 2 Lite: {_VALIDATOR}"),
    ("records.many", "error", "There are not too many records, validation included.", f"{_DATA}; {_VALIDATOR}"),
    ("records.narrow", "warning", "There are at most 10,000 records for Nova Pro.", _USER),
    ("records.sagemaker", "warning", "There are no more records than AWS sizes its SageMaker recipes for.", _SAGEMAKER),
    ("records.validation", "error", "Nova 2 Lite comes without validation data.", _VALIDATOR),
)

RULES: Mapping[str, Rule] = {row[0]: Rule(*row) for row in _TABLE}
"""Every rule by its id. Those of ``quality.*`` and ``sql.*`` stand with their checks and are warnings all."""


def finding(rule: str, path: str, message: str, hint: str = "") -> Issue:
    """A finding of a rule, as grave as the table says.

    Args:
        rule: The rule's id.
        path: A JSON Pointer into the record.
        message: What is wrong.
        hint: What to do about it.
    """
    return Issue(rule=rule, severity=RULES[rule].severity, message=message, path=path, hint=hint)
