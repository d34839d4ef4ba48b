"""The directives that write tables from the code's own data, so that pages cannot fall behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive

from nova_tune.checks import RULES
from nova_tune.models import MODELS
from nova_tune.rehearsal import BEHAVIOURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _cell(text: str) -> nodes.paragraph:
    """A cell; an address is shown by the name of its page."""
    if not text.startswith("https://"):
        return nodes.paragraph(text=text)
    address, _, more = text.partition(" ")
    page = address.rstrip("/").rsplit("/", 1)[-1].removesuffix(".html")
    return nodes.paragraph("", "", nodes.reference(text=page, refuri=address), nodes.Text(f" {more}" if more else ""))


def _row(cells: Sequence[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", _cell(str(cell))) for cell in cells))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> nodes.table:
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *map(_row, rows))
    table = nodes.table()
    table += group
    return table


class Behaviours(Directive):
    """What the rehearsal does, and on whose word."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        rows = [(item.id, item.statement, item.source, item.read) for item in BEHAVIOURS]
        return [_table(("id", "behaviour", "source", "read"), rows)]


class Rules(Directive):
    """Every rule of the checks, with its severity and source."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        rows = [(rule.id, rule.severity, rule.statement, rule.source) for rule in RULES.values()]
        return [_table(("rule", "severity", "what it says", "source"), sorted(rows))]


class Models(Directive):
    """What each model allows, with its source."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        rows = []
        for model in MODELS.values():
            low, high = model.records.value
            media = ", ".join(model.media.value) or "text alone"
            ids = f"{model.customizable_id.value} (tuned), {model.inference_id.value} (asked)"
            rows.append((model.name, ids, f"{low} to {high:,}", media, model.records.source))
        return [_table(("model", "ids", "records on Bedrock", "takes", "source of the counts"), rows)]


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("behaviours", Behaviours)
    app.add_directive("models", Models)
    app.add_directive("rules", Rules)
    return {"parallel_read_safe": True}
