"""The report: verdict first, honest about what is missing, inert, and the same bytes every time."""

from __future__ import annotations

import json
import pickle
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nova_tune.evaluation import Comparison, Evaluator, ExactMatch, Judge, OutputTokens, Score
from nova_tune.evaluation._svg import Effect, ecdf, forest, loss_curve, ticks
from nova_tune.evaluation._text import number
from nova_tune.values import Reply, Timing, Usage

BANNER = "REHEARSAL: these numbers come from a local stand-in, not from AWS"
HOSTILE = '<script>alert("x")</script><img src="https://example.com/x.png" onerror=alert(1)></pre></details>'
LOSSES = {
    "training": [(step, step // 10, 2.0 / step) for step in range(1, 60)],
    "validation": [(10, 0, 0.5), (20, 1, 0.4)],
}


def record(number, question=None):
    return {
        "system": [{"text": "CREATE TABLE t (a INT)"}],
        "messages": [
            {"role": "user", "content": [{"text": question or f"question {number}"}]},
            {"role": "assistant", "content": [{"text": f"SELECT {number} FROM t"}]},
        ],
    }


class FakeArm:
    """Answers rightly where ``right`` says so; the time to the first token grows with the example's number."""

    def __init__(self, right, *, slow=0.0, text="no idea", rehearsal=False):
        self.right, self.slow, self.text, self.rehearsal = right, slow, text, rehearsal

    def measure(self, messages, *, system, max_tokens, temperature):
        number = int(re.search(r"\d+", messages[-1]["content"][0]["text"])[0])
        text = f"SELECT {number} FROM t" if self.right(number) else self.text
        first = 100.0 + number + self.slow
        return Reply(
            text=text,
            stop_reason="end_turn",
            usage=Usage(input_tokens=30, output_tokens=20),
            timing=Timing(total_ms=first + 110, ttft_ms=first, last_token_ms=first + 100, deltas=20),
            model_id="amazon.nova-micro-v1:0",
            rehearsal=self.rehearsal,
        )


class Points:
    """Scores an answer by whether it is a query, with failures where told."""

    name, scale, maximum, higher_is_better = "judge", "0 to 100", 100.0, True

    def __init__(self, fails=lambda number: False):
        self.fails = fails

    def score(self, example, reply):
        if self.fails(int(example.id)):
            return Score(None, "truncated", "the judge's reply was cut")
        return Score(90.0 if reply.text.startswith("SELECT") else 10.0, "ok", f"because {HOSTILE}")


def run(*, base=lambda n: n % 4 == 0, tuned=lambda n: n % 4 > 0, count=40, metrics=None, slow=30.0, **arm):
    metrics = [Points(), ExactMatch(), OutputTokens()] if metrics is None else metrics
    report = Evaluator({"base": FakeArm(base, **arm), "tuned": FakeArm(tuned, slow=slow, **arm)}, metrics).run(
        [record(n) for n in range(count)]
    )
    return attrs.evolve(report, created_at="2026-11-21T09:00:00Z")


@pytest.fixture(scope="module")
def report():
    return run()


class Reader(HTMLParser):
    """Collects what a browser would show and do."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.shown, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and not {"style", "title", "desc"} & set(self.open):
            self.shown.append(data.strip())


def test_the_page_is_one_inert_file(report, tmp_path):
    """No script, no reference outside, every tag closed, and model text stays text."""
    hostile = run(text=HOSTILE)
    path = hostile.write_html(tmp_path / "report.html", title=HOSTILE, losses=LOSSES, data={HOSTILE: HOSTILE})
    text = path.read_text(encoding="utf-8")
    page = Reader(text)
    assert page.open == []
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not [entry for entry in page.attributes if entry[1].startswith("on") or entry[1] in {"src", "href"}]
    assert "url(" not in text
    addresses = set(re.findall(r"https?://[^\s\"<&]+", text))
    assert addresses == {"http://www.w3.org/2000/svg", "https://example.com/x.png"}  # a namespace and inert text
    assert any(HOSTILE in shown for shown in page.shown)


def test_the_same_comparison_gives_the_same_bytes(report, tmp_path):
    """Written twice, and written after a round trip through JSON, the page is the same."""
    first = report.write_html(tmp_path / "a.html", losses=LOSSES, costs="$8.00", data={"records": 20_000}).read_bytes()
    again = Comparison.from_dict(json.loads(json.dumps(report.to_dict())))
    second = again.write_html(tmp_path / "b.html", losses=LOSSES, costs="$8.00", data={"records": 20_000}).read_bytes()
    assert first == second
    assert again == report
    assert pickle.loads(pickle.dumps(report)) == report


def test_a_rehearsal_is_named_first_everywhere(tmp_path):
    """A rehearsal's report says so in its first visible line, its first JSON key and its first line of text."""
    rehearsed = run(rehearsal=True)
    assert Reader(rehearsed.html()).shown[0] == BANNER
    assert str(rehearsed).splitlines()[0] == BANNER
    assert Reader(rehearsed._repr_html_()).shown[0] == BANNER
    data = json.loads(rehearsed.write_json(tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (next(iter(data)), data["rehearsal"]) == ("rehearsal", True)


def test_a_real_run_carries_no_banner(report):
    """What AWS answered is not called a rehearsal."""
    assert "REHEARSAL" not in report.html() + str(report) + report._repr_html_()
    assert report.to_dict()["rehearsal"] is False


def test_the_verdict_claims_what_the_interval_allows(report):
    """Ahead and behind are said only when the interval excludes zero; else that it cannot be told."""
    assert report.verdict.startswith("tuned is ahead of base by 40.0 points on judge (95 % interval +")
    assert report.verdict.endswith("40 pairs).")
    turned = run(base=lambda n: n % 4 > 0, tuned=lambda n: n % 4 == 0, metrics=[ExactMatch()])
    assert turned.verdict.startswith("tuned is behind base by 0.500 on exact_match, 0 or 1 (95 % interval -")
    same = run(base=lambda n: n % 2, tuned=lambda n: n % 2)
    assert same.verdict.startswith("Cannot tell tuned from base on judge: the difference is 0.0 points (95 %")


def test_the_verdict_says_why_it_cannot_tell():
    """Too few pairs, one arm, or no metric with a better end: the verdict says which."""
    assert "5 examples have a score in both arms, and an interval needs 6" in run(count=5).verdict
    alone = Evaluator({"base": FakeArm(bool)}, [ExactMatch()]).run([record(1)])
    assert alone.verdict == "One arm was run, so nothing is compared."
    assert "no arm is called ahead" in run(metrics=[OutputTokens()]).verdict
    assert "No metric was asked for" in run(metrics=[]).html()


def test_lower_can_be_better():
    """A metric whose lower end is better calls the arm with less ahead."""

    class Mistakes(Points):
        name, scale, maximum, higher_is_better = "mistakes", "", None, False

    assert run(metrics=[Mistakes()]).verdict.startswith("tuned is behind base by 40.0 on mistakes (")


def test_missing_scores_are_shown_with_bounds():
    """Above 2 % missing the run is incomplete, first in the verdict, and the bounds stand beside the mean."""
    gaps = run(metrics=[Points(fails=lambda number: number <= 2)])
    assert gaps.status == "incomplete"
    assert gaps.verdict.startswith("Incomplete: 4 scores are missing. tuned is ahead")
    line = "judge of base: 2 of 40 are missing (2 truncated). Whatever they would be, the mean lies between"
    assert line in str(gaps)
    assert line in gaps.html()
    assert "(38 of 40)" in str(gaps)
    few = run(metrics=[Points(fails=lambda number: number == 1)], count=60)
    assert few.status == "complete"


def test_an_arm_without_any_score_has_no_mean():
    """Where every score is missing there is a dash, never a number; a scale without a top gives no bounds."""

    class Endless(Points):
        name, scale, maximum = "endless", "", None

    none = run(count=6, metrics=[Endless(fails=lambda number: True)])
    assert none.summary("endless", "base").mean is None
    assert none.difference("endless").mean is None
    assert re.search(r"^endless +0 +– +– +– +–$", str(none), re.MULTILINE)  # noqa: RUF001 - the dash for no value
    assert "- endless of base: 6 of 6 are missing (6 truncated).\n" in str(none)


def test_answers_without_text_are_told_apart_from_failed_calls():
    """An answer without text has no time to a first token, and the report says so."""
    records = [record(n) for n in range(6)]

    class Silent(FakeArm):
        def measure(self, messages, **settings):
            reply = super().measure(messages, **settings)
            return (
                reply
                if self.right(int(messages[-1]["content"][0]["text"][-1]))
                else attrs.evolve(reply, text="", timing=Timing(total_ms=9.0))
            )

    report = Evaluator({"base": FakeArm(bool), "tuned": Silent(lambda n: n > 1)}, [ExactMatch()]).run(records)
    assert "tuned: 2 answers came without text, so they have no time to a first token." in str(report)


def test_failed_calls_without_a_metric_are_told():
    """A run without metrics that lost calls is incomplete too."""

    def fail(system, question):
        raise ValueError(question)

    lost = Evaluator({"base": fail, "tuned": FakeArm(bool)}).run([record(n) for n in range(4)])
    assert lost.verdict.startswith("Incomplete: 4 calls failed.")
    assert "base: 4 of 4 calls failed (4 ValueError); they have no scores." in str(lost)
    assert "The call failed: the function of this arm raised ValueError" in lost.html()


def test_functions_alone_have_no_latency():
    """Arms that do not stream give no latency table, and the page says why."""
    plain = Evaluator({"base": lambda s, q: "a", "tuned": lambda s, q: "b"}, [ExactMatch()]).run([record(1)])
    assert "No arm streamed its answers" in plain.html()
    assert "TTFT" not in str(plain) + plain._repr_html_()
    assert "a function" in plain.html()


def test_regressions_come_first_and_fifty_are_shown():
    """Examples stand by their change, worst first, fifty at most, and missing ones last."""
    page = run(count=120).html()
    changes = re.findall(r"<span class='change (\w+)'>([^<]+)</span>", page)
    assert len(changes) == 50
    assert changes[:30] == [("worse", "\N{MINUS SIGN}80.0")] * 30
    assert changes[30:] == [("better", "+80.0")] * 20
    last = re.findall(
        r"<span class='change same'>([^<]+)</span>", run(count=9, metrics=[Points(lambda n: n == 1)]).html()
    )
    assert last == ["–"]  # noqa: RUF001 - the dash for no value
    assert "50 of 120 examples, by change in judge, worst first." in page


def test_what_an_answer_lacks_is_struck_through():
    """In an answer like its reference, its own words are marked and the missing ones struck through."""
    page = run(base=lambda n: False, text="SELECT max(0) FROM t", metrics=[ExactMatch()], count=8).html()
    assert "SELECT <mark>max(0)</mark><del>1</del> FROM t" in page
    lacking = run(base=lambda n: False, text="SELECT FROM t", count=8).html()
    assert re.search(r"SELECT<del> \d</del> FROM t|SELECT <del>\d </del>FROM t", lacking)
    assert "<pre>no idea</pre>" in run(count=8).html()


def test_long_and_odd_texts_are_shown_safely(tmp_path):
    """Long texts are cut with a count, long questions shortened, and a lone surrogate or no text breaks nothing."""
    arm = FakeArm(lambda n: False, text="x" * 4_100)
    odd = FakeArm(lambda n: False, text="")
    records = [record(n, question=f"{n} \ud800 " + "why " * 1_500) for n in range(3)]
    page = Evaluator({"base": arm, "tuned": odd}, [Points()]).run(records).write_html(tmp_path / "r.html")
    text = page.read_text(encoding="utf-8")
    assert "x… (100 more characters)" in text
    assert "No text; the model stopped with end_turn." in text
    assert re.search(r"why wh?y?…</summary>", text)


def test_costs_are_shown_as_they_show_themselves(report):
    """A cost estimate is shown by its notebook form, else by its text, escaped."""

    class Estimate:
        def _repr_html_(self):
            return "<table><tr><td>$8.00</td></tr></table>"

    assert "<td>$8.00</td>" in report.html(costs=Estimate())
    assert "<pre>&lt;$0.01</pre>" in report.html(costs="<$0.01")
    assert "<h2>Costs</h2>" not in report.html()


def test_the_run_card_names_models_and_settings():
    """The page tells which models answered and judged, under which settings, on which data."""
    base = run(count=6)
    settings = {**base.settings, "judge": {"model": "amazon.nova-pro-v1:0", "rubric": "nova-tune-1"}}
    page = attrs.evolve(base, settings=settings).html(data={"training records": 20_000})
    shown = Reader(page).shown
    for words in (
        "amazon.nova-micro-v1:0",
        "amazon.nova-pro-v1:0, rubric nova-tune-1",
        "20,000",
        "2026-11-21T09:00:00Z",
    ):
        assert words in shown
    assert "The judge is a Nova model too" in page
    assert "run at" not in attrs.evolve(base, created_at="").html()


def test_three_arms_stand_beside_each_other():
    """With three arms each other one is compared with the baseline, in words, table and chart."""
    arms = {"base": FakeArm(lambda n: n % 3 == 0), "one": FakeArm(bool), "two": FakeArm(lambda n: True)}
    three = Evaluator(arms, [ExactMatch()]).run([record(n) for n in range(12)])
    assert "one is ahead of base" in three.verdict
    assert "two is ahead of base" in three.verdict
    assert "exact_match, two" in three.html()
    assert "two - base" in str(three)
    assert three.difference("exact_match", "two").pairs == 12


def test_the_consistency_of_latency_is_told(report):
    """Where the medians fit together the page says so; where they do not, a warning names both figures."""
    assert "The medians fit together." in report.html()
    broken = tuple(attrs.evolve(item, implied_ms=900.0, coarse=True) for item in report.latency)
    text = str(attrs.evolve(report, latency=broken))
    assert (
        "base: the medians do not fit together. End to end is 220 ms, but TTFT, speed and output tokens imply 900"
        in text
    )
    assert "the tokens a second are uncertain" in text


def test_a_report_is_written_whole_or_not_at_all(report, tmp_path, monkeypatch):
    """A report that cannot be written leaves nothing half-written, and the old one as it was."""
    with pytest.raises(FileNotFoundError):
        report.write_json(tmp_path / "absent" / "report.json")
    path = report.write_json(tmp_path / "report.json")
    before = path.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        run(count=6).write_json(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_newer_report_keeps_what_we_do_not_know(report):
    """Keys of a newer version are kept and written back."""
    newer = {**report.to_dict(), "slices": [1, 2]}
    assert Comparison.from_dict(newer).to_dict()["slices"] == [1, 2]


def test_a_large_report_is_small_and_quick(tmp_path):
    """1,000 examples on two arms stay below 2 MB of HTML."""
    large = run(count=1_000, metrics=[ExactMatch()])
    assert large.write_html(tmp_path / "r.html").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "svg",
    [
        ecdf({"base <1>": [3.0, 1.0], "tuned": [2.0], "none": []}, title="<t>", x_name="ms & more"),
        ecdf({"a": [5.0]}, title="t", x_name="ms"),
        loss_curve(LOSSES | {"empty": []}, title="t"),
        loss_curve({"training": [(1, 0, 0.0)]}, title="t"),
        forest([Effect("judge", 1.0, -1.0, 3.0, "+1"), Effect("x" * 40, 0.0, 0.0, 0.0, "0")], title="t"),
    ],
)
def test_every_chart_is_well_formed_and_described(svg):
    """A chart is valid XML with a title and a description, and its places are numbers inside the picture."""
    tree = ET.fromstring(svg)
    kinds = [child.tag.rpartition("}")[2] for child in tree]
    assert kinds[:2] == ["title", "desc"]
    for node in tree.iter():
        for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
            if name in node.attrib:
                assert -1 <= float(node.attrib[name]) <= 521


def test_nothing_to_draw_is_no_chart():
    """Without values there is no chart."""
    assert (ecdf({"a": []}, title="t", x_name="x"), loss_curve({}, title="t"), forest([], title="t")) == ("", "", "")


@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
@example(6.1e-05, -250001.0)
def test_ticks_span_their_range(one, other):
    """Ticks are few, increasing and enclose the range, but for a millionth of it that no eye sees."""
    low, high = min(one, other), max(one, other)
    marks = ticks(low, high)
    unseen = 1e-6 * max(high - low, abs(low), abs(high)) + 1e-9
    assert marks == sorted(set(marks))
    assert 2 <= len(marks) <= 9
    assert marks[0] <= low + unseen
    assert marks[-1] >= high - unseen


@pytest.mark.parametrize(
    ("value", "places", "sign", "text"),
    [(-0.04, 1, True, "0.0"), (12.345, 1, True, "+12.3"), (-3.0, 1, True, "-3.0"), (1234.5, 0, False, "1,234")],
)
def test_numbers_read_well(value, places, sign, text):
    """A number has its places, its sign where asked, and no negative zero."""
    assert number(value, places, sign=sign) == text


def test_a_judge_of_ones_own_kind_is_a_metric(report):
    """A judge declares its scale as every metric does."""
    assert (Judge("nova-lite").name, Judge("nova-lite").maximum, Judge("nova-lite").scale) == (
        "judge",
        100.0,
        "0 to 100",
    )
