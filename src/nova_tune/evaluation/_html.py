"""The report as one page: no script, nothing fetched, every word of a model escaped, the same bytes every time."""

from __future__ import annotations

from difflib import SequenceMatcher
from html import escape
from re import compile as pattern
from typing import TYPE_CHECKING, Any

from nova_tune.evaluation._compare import TTFT
from nova_tune.evaluation._comparison import REHEARSAL_LINE
from nova_tune.evaluation._page import STYLE
from nova_tune.evaluation._svg import Effect, ecdf, forest, loss_curve
from nova_tune.evaluation._text import NONE, decimals_of, latency_cells, metric_cells, notes, number, span, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nova_tune.evaluation._comparison import Comparison
    from nova_tune.evaluation._examples import Example
    from nova_tune.evaluation._rows import Row
    from nova_tune.evaluation._score import Score

SHOWN = 50
"""How many examples stand side by side in a report."""

_LONGEST = 4_000  # characters of one text in a report
_HEADING = 90
_ALIKE = 0.5  # below this share of common words a marked answer would be all marks
_MINUS = pattern(r"(?<![\w.])-(?=\d)|(?<= )-(?= )")
_WORD = pattern(r"\w+|\s+|[^\w\s]")


def page(
    comparison: Comparison,
    *,
    title: str | None,
    losses: Mapping[str, Sequence[tuple[int, float, float]]],
    costs: Any,
    data: Mapping[str, Any],
) -> str:
    """The whole page.

    Args:
        comparison: What to report.
        title: The page's title; the arms' names unless told.
        losses: ``(step, epoch, loss)`` by name.
        costs: A cost estimate, or None.
        data: Facts about the data.
    """
    title = title or " and ".join(reversed(comparison.arms))
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        _banner(comparison),
        "<main>",
        f'<header><p class="over">Evaluation report{_stamp(comparison)}</p><h1>{escape(title)}</h1>',
        f'<p class="verdict {comparison.status}">{_signs(verdict(comparison))}</p></header>',
        _section("Quality", _metrics(comparison)),
        _section("Latency", _latency(comparison)),
        _section("Training", loss_curve(losses, title="Loss by step")),
        _section("Missing or doubtful", _notes(comparison)),
        _section("Answers side by side", _answers(comparison)),
        _section("Costs", _costs(costs)),
        _section("How it was run", _facts({**_run(comparison), **data})),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def fragment(comparison: Comparison) -> str:
    """Banner, verdict and the two tables, for a notebook.

    Args:
        comparison: What to show.
    """
    tables = [_table(metric_cells(comparison))] if comparison.scales else []
    if any(item.n for item in comparison.latency):
        tables.append(_table(latency_cells(comparison)))
    return f"<div>{_banner(comparison)}<p>{_signs(verdict(comparison))}</p>{''.join(tables)}</div>"


def _banner(comparison: Comparison) -> str:
    return f'<p class="banner">{REHEARSAL_LINE}</p>' if comparison.rehearsal else ""


def _stamp(comparison: Comparison) -> str:
    return f" · {escape(comparison.created_at[:10])}" if comparison.created_at else ""


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{heading}</h2>\n{body}</section>" if body else ""


def _signs(text: str) -> str:
    """Escaped, with true minus signs and a space that does not break before the per cent sign."""
    return _MINUS.sub("\N{MINUS SIGN}", escape(text)).replace(" %", "\N{NO-BREAK SPACE}%")


def _table(cells: Sequence[Sequence[str]]) -> str:
    names = [_signs(cell) for cell in cells[0]]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = ""
    for first, *rest in cells[1:]:
        # In a narrow window each row stands as a block, and every cell carries its column's name.
        values = "".join(
            f'<td data-label="{name}">{_signs(cell)}</td>' for name, cell in zip(names[1:], rest, strict=True)
        )
        rows += f'<tr><th scope="row">{_signs(first)}</th>{values}</tr>'
    return f'<div class="wide tall"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _metrics(comparison: Comparison) -> str:
    if not comparison.scales:
        return "<p>No metric was asked for.</p>"
    effects = []
    places = {scale.metric: decimals_of(scale) for scale in comparison.scales}
    for found in comparison.differences:
        if found.interval is None:
            continue
        digits, unit = (0, " ms") if found.metric == TTFT else (places[found.metric], "")
        name = "time to first token" if found.metric == TTFT else found.metric
        size = number(found.interval.estimate, digits, sign=True)
        words = f"{size}{unit} ({span(found.interval, digits, sign=True)})".replace("-", "\N{MINUS SIGN}")
        label = f"{name}, {found.arm}" if len(comparison.arms) > 2 else name
        effects.append(Effect(label, found.interval.estimate, found.interval.low, found.interval.high, words))
    chart = forest(effects, title=f"Differences from {comparison.baseline}")
    caption = (
        f"<figure>{chart}<figcaption>Each arm minus {escape(comparison.baseline)}, mean over the same examples, with "
        "its 95&nbsp;% paired bootstrap interval. Every line has its own scale; one that touches the centre line "
        "cannot be told from no difference.</figcaption></figure>"
    )
    return _table(metric_cells(comparison)) + (caption if chart else "")


def _latency(comparison: Comparison) -> str:
    if not any(item.n for item in comparison.latency):
        return "<p>No arm streamed its answers, so nothing was timed.</p>"
    samples: dict[str, list[float]] = {}
    for row in comparison.rows:
        if row.reply is not None and row.reply.timing.ttft_ms is not None:
            samples.setdefault(row.arm, []).append(row.reply.timing.ttft_ms)
    chart = ecdf(
        {arm: samples[arm] for arm in comparison.arms if arm in samples},
        title="Time to the first token",
        x_name="milliseconds to the first token",
    )
    said = [
        f"{escape(item.arm)}: end to end is {number(item.end_to_end_p50.estimate, 0)} ms, and TTFT, speed and output "
        f"tokens imply {number(item.implied_ms, 0)} ms"
        for item in comparison.latency
        if item.consistent and item.end_to_end_p50 is not None and item.implied_ms is not None
    ]
    consistent = f"<p>The medians fit together. {'; '.join(said)}.</p>" if said else ""
    return (
        f"{_table(latency_cells(comparison))}<figure>{chart}<figcaption>The higher line at a given time is the faster "
        "arm. TTFT is the time to the first token with text, measured at the client.</figcaption></figure>"
        f"{consistent}<p class='small'>In brackets: 95&nbsp;% intervals, exact for percentiles and shown only where "
        "they exist (6 calls for a median, 36 for the 90th percentile). Speed is (tokens less one) by the time from "
        "first to last text, all calls together; AWS's formula takes all tokens by total time less TTFT.</p>"
    )


def _notes(comparison: Comparison) -> str:
    found = notes(comparison)
    if not found:
        return "<p>Nothing is missing: every call was answered and every answer has its scores.</p>"
    return f"<ul>{''.join(f'<li>{_signs(note)}</li>' for note in found)}</ul>"


def _answers(comparison: Comparison) -> str:
    rows: dict[str, dict[str, Row]] = {}
    for row in comparison.rows:
        rows.setdefault(row.example, {})[row.arm] = row
    changes = {example.id: _change(comparison, rows[example.id]) for example in comparison.examples}
    order = {example.id: place for place, example in enumerate(comparison.examples)}
    ranked = sorted(
        comparison.examples,
        key=lambda example: (changes[example.id] is None, changes[example.id] or 0.0, order[example.id]),
    )
    chosen = ranked[:SHOWN]
    lead = f", by change in {escape(comparison.scales[0].metric)}, worst first" if comparison.scales else ""
    intro = (
        f"<p>{len(chosen):,} of {len(ranked):,} examples{lead}. In an answer like its reference, words of its own are "
        "<mark>marked</mark> and words it lacks are <del>struck through</del>.</p>"
    )
    return intro + "\n".join(_card(comparison, example, rows[example.id], changes[example.id]) for example in chosen)


def _change(comparison: Comparison, rows: Mapping[str, Row]) -> float | None:
    """The worst change of an arm against the baseline in the first metric; None when there is none to tell."""
    if not comparison.scales:
        return None
    scale = comparison.scales[0]
    values = {arm: row.scores[scale.metric].value for arm, row in rows.items()}
    base = values.pop(comparison.baseline, None)
    changes = [value - base for value in values.values() if value is not None and base is not None]
    return min(changes) if changes else None


def _card(comparison: Comparison, example: Example, rows: Mapping[str, Row], change: float | None) -> str:
    heading = " ".join(example.question.split())
    heading = heading if len(heading) <= _HEADING else f"{heading[: _HEADING - 1]}…"
    shown, mood = NONE, "same"
    if change is not None:
        shown = number(change, decimals_of(comparison.scales[0]), sign=True).replace("-", "\N{MINUS SIGN}")
        mood = "worse" if change < 0 else "better" if change > 0 else "same"
    context = (
        f"<details class='context'><summary>System prompt</summary><pre>{_cut(example.system)}</pre></details>"
        if example.system
        else ""
    )
    answers = "".join(_answer(comparison, rows[arm], example) for arm in comparison.arms if arm in rows)
    return (
        f"<details class='card'><summary><span class='change {mood}'>{shown}</span> "
        f"<span class='id'>{escape(example.id)}</span> {escape(heading)}</summary>"
        f"<h3>Question</h3><pre>{_cut(example.question)}</pre>{context}"
        f"<h3>Reference</h3><pre>{_cut(example.reference)}</pre><div class='arms'>{answers}</div></details>"
    )


def _answer(comparison: Comparison, row: Row, example: Example) -> str:
    if row.reply is None:
        said = f"<p class='failed'>The call failed: {escape(row.message or row.error or '')}</p>"
    elif not row.reply.text:
        said = f"<p class='failed'>No text; the model stopped with {escape(row.reply.stop_reason)}.</p>"
    else:
        text = row.reply.text
        said = f"<pre>{_cut(text) if len(text) > _LONGEST else _marked(text, example.reference[:_LONGEST])}</pre>"
    scores = "".join(_score(scale.metric, row.scores[scale.metric], decimals_of(scale)) for scale in comparison.scales)
    return f"<div><h3>{escape(row.arm)}</h3>{said}<dl>{scores}</dl></div>"


def _score(metric: str, score: Score, places: int) -> str:
    value = score.status if score.value is None else number(score.value, places)
    reason = f" <span class='reason'>{_cut(score.reason)}</span>" if score.reason else ""
    return f"<dt>{escape(metric)}</dt><dd><b>{escape(value)}</b>{reason}</dd>"


def _cut(text: str) -> str:
    more = len(text) - _LONGEST
    return escape(text) if more <= 0 else f"{escape(text[:_LONGEST])}… ({more:,} more characters)"


def _marked(answer: str, reference: str) -> str:
    """The answer with its own words marked and the reference's missing words struck through, if they are alike."""
    words, wanted = _WORD.findall(answer), _WORD.findall(reference)
    matcher = SequenceMatcher(
        None, [word.casefold() for word in words], [word.casefold() for word in wanted], autojunk=False
    )
    if matcher.ratio() < _ALIKE:
        return escape(answer)
    parts = []
    for kind, first, last, start, end in matcher.get_opcodes():
        own, lacking = "".join(words[first:last]), "".join(wanted[start:end])
        if kind == "equal":
            parts.append(escape(own))
            continue
        parts.append(f"<mark>{escape(own)}</mark>" if own.strip() else own)
        parts.append(f"<del>{escape(lacking)}</del>" if lacking.strip() else "")
    return "".join(parts)


def _costs(costs: Any) -> str:
    if costs is None:
        return ""
    if hasattr(costs, "_repr_html_"):
        return f'<div class="wide costs">{costs._repr_html_()}</div>'
    return f"<pre>{escape(str(costs))}</pre>"


def _run(comparison: Comparison) -> dict[str, Any]:
    """The settings as plain facts, with the model that each arm's answers name."""
    told: dict[str, Any] = {"examples": len(comparison.examples), "status": comparison.status}
    for arm in comparison.arms:
        asked = (row.reply.model_id for row in comparison.rows if row.arm == arm and row.reply is not None)
        told[arm] = next((model for model in asked if model), "a function")
    settings = {key: value for key, value in comparison.settings.items() if key != "models"}
    judge = settings.pop("judge", None)
    if judge:
        told["judge"] = f"{judge['model']}, rubric {judge['rubric']}"
    told |= settings
    if comparison.created_at:
        told["run at"] = comparison.created_at
    return told


def _facts(facts: Mapping[str, Any]) -> str:
    return f"<dl class='facts'>{''.join(_pairs(facts.items()))}</dl>"


def _pairs(items: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for key, value in items:
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        yield f"<dt>{escape(str(key).replace('_', ' '))}</dt><dd>{escape(shown)}</dd>"
