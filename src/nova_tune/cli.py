"""The command ``nova-tune``: thin verbs over the library. Text for people, or one JSON object with ``--json``.

Exit codes: 0 done, 1 findings or refused, 2 cannot run, 3 inconclusive, 75 not ready yet.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nova_tune
from nova_tune import Dataset, errors, formats
from nova_tune.models import MODELS, PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Sequence

_DONE, _FINDINGS, _CANNOT = 0, 1, 2
_QUALITY_RECORDS = 20_000  # what Bedrock takes; the quality rules read each record against all others
_COUNTS = ("records.few", "records.many")  # what a file may still become by sampling or by more rows


def _say(options: argparse.Namespace, text: str, data: dict[str, Any]) -> None:
    print(json.dumps(data, ensure_ascii=False) if options.json else text)


def _check(options: argparse.Namespace) -> int:
    """Check a training file."""
    validation = Dataset.from_jsonl(options.validation) if options.validation else None
    data = Dataset.from_jsonl(options.file)
    report = data.validate(
        model=options.model, platform=options.platform, validation=validation, ignore=options.ignore, sql=options.sql
    )
    if options.quality == "always" or (options.quality == "auto" and report.records <= _QUALITY_RECORDS):
        report = report.joined(data.quality(validation=validation, ignore=options.ignore))
    elif options.quality == "auto":
        print(f"quality rules left out above {_QUALITY_RECORDS:,} records; --quality always runs them", file=sys.stderr)
    if options.media:
        from nova_tune.media import check_media  # noqa: PLC0415 - it calls S3

        report = report.joined(check_media(data, ignore=options.ignore))
    if options.strict:
        report = report.strict()
    _say(options, str(report), report.to_dict())
    return _DONE if report.ok else _FINDINGS


def _convert(options: argparse.Namespace) -> int:
    """Convert a table to a training file."""
    model = options.model or "nova-2-lite"  # the model that takes the most, where none is named
    data = Dataset.from_file(options.input).convert(_format(options)).checked(model=model)
    if options.sample:
        data = data.sample(options.sample, seed=options.seed)
    report = data.validate(model=model, ignore=() if options.model else _COUNTS)
    taken = report.ok or (options.skip_bad and "records.none" not in report.counts_by_rule)
    written = data.write_jsonl(options.output, skip_bad=options.skip_bad) if taken else None
    result = {"out": options.output if written else None, "sha256": written.sha256 if written else None}
    text = f"{report}\nwrote {written.records:,} records to {options.output}" if written else f"{report}\nwrote nothing"
    _say(options, text, {**report.to_dict(), **result})
    return _DONE if report.ok else _FINDINGS


def _format(options: argparse.Namespace) -> Any:
    """The format that --from names, with the options that belong to it."""
    make = formats.BY_KIND[options.kind]
    given = {
        "auto": {"dialect": options.dialect, "drop_unknown": options.drop_unknown},
        "text-to-sql": {"dialect": options.dialect},
        "template": {part: getattr(options, part) for part in ("system", "user", "assistant")},
        "prompt-completion": {},
        "alpaca": {},
    }
    return make(**given.get(options.kind, {"drop_unknown": options.drop_unknown}))


def _estimate(options: argparse.Namespace) -> int:
    """Price a training before it is launched."""
    from nova_tune import CostModel  # noqa: PLC0415 - each verb loads what it needs

    data = Dataset.from_file(options.file)
    data = data.convert(_format(options))
    if options.sample:
        data = data.sample(options.sample)
    described = data.describe()
    if described.records == 0:
        _say(options, "there are no records to price", {"ok": False, "records": 0})
        return _FINDINGS
    if options.platform == "sagemaker":
        estimate = CostModel().sagemaker_training(options.instance, hours=options.hours, model=options.model)
    else:
        estimate = CostModel().training(described, model=options.model, epochs=options.epochs)
    if options.queries_per_month:
        estimate += CostModel().monthly(
            options.model, requests=options.queries_per_month, models_stored=0,
            input_tokens=described.tokens.expected // described.records, output_tokens=60,
        )  # fmt: skip
    for warning in estimate.warnings():
        print(warning, file=sys.stderr)
    _say(options, str(estimate), estimate.to_dict())
    return _FINDINGS if estimate.missing else _DONE


def _rehearse(options: argparse.Namespace) -> int:
    """Run a command against a local AWS."""
    from nova_tune.rehearsal import BEHAVIOURS, Rehearsal  # noqa: PLC0415 - needs its extra

    if options.assumptions:
        for behaviour in BEHAVIOURS:
            print(f"{behaviour.id}: {behaviour.statement} [{behaviour.source}, {behaviour.read}]")
        return _DONE
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise errors.ConfigurationError("rehearse needs a command: nova-tune rehearse -- python train.py")
    with Rehearsal(path=options.path) as aws:
        try:
            return subprocess.run(command, check=False, env=aws.environ(os.environ)).returncode  # noqa: S603
        except FileNotFoundError:
            raise errors.ConfigurationError(f"there is no command {command[0]!r}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nova-tune", description="Fine-tune Amazon Nova, and prove what was done.")
    parser.add_argument("--version", action="version", version=f"nova-tune {nova_tune.__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Any, example: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=run.__doc__, description=run.__doc__, epilog=f"example: {example}",
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
        made.set_defaults(run=run)
        return made

    def shared(made: argparse.ArgumentParser, *, model: bool) -> None:
        made.add_argument("--model", choices=MODELS, required=model, help="the model it is meant for")
        made.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def kinds(made: argparse.ArgumentParser, default: str | None) -> None:
        made.add_argument("--from", dest="kind", choices=formats.BY_KIND, default=default, required=default is None,
                          help="what the rows are")  # fmt: skip
        made.add_argument(
            "--drop-unknown", action="store_true", help="leave out keys that a training record does not have"
        )
        made.add_argument("--dialect", help="text-to-sql: the SQL dialect to name in the prompt")
        for part in ("system", "user", "assistant"):
            made.add_argument(
                f"--{part}", default="", help=f"template: the text of the {part} part, with {{column}} fields"
            )

    check = verb("check", _check, "nova-tune check train.jsonl --model nova-micro --platform bedrock")
    check.add_argument("file", help="a .jsonl training file, .gz or not")
    shared(check, model=True)
    check.add_argument("--platform", choices=PLATFORMS, required=True)
    check.add_argument("--validation", help="the validation file that goes with it")
    check.add_argument("--strict", action="store_true", help="warnings are errors")
    check.add_argument(
        "--ignore", action="append", default=[], metavar="RULE", help="leave a rule out; may be repeated"
    )
    check.add_argument(
        "--sql", metavar="DIALECT", help="check the answers as SQL of this dialect, such as sqlite or tsql"
    )
    check.add_argument("--quality", choices=("auto", "always", "never"), default="auto",
                       help="look for duplicates, leaks and secrets; auto does so up to 20,000 records")  # fmt: skip
    check.add_argument("--media", action="store_true", help="look at the media in S3 too, with your AWS credentials")

    convert = verb("convert", _convert, "nova-tune convert pairs.csv train.jsonl --from text-to-sql --model nova-micro")
    convert.add_argument("input", help="a .csv, .json or .jsonl file, .gz or not")
    convert.add_argument("output", help="the training file to write")
    shared(convert, model=False)
    kinds(convert, None)
    convert.add_argument("--sample", type=int, metavar="N", help="keep at most N records, chosen by their content")
    convert.add_argument("--seed", type=int, default=0)
    convert.add_argument(
        "--skip-bad", action="store_true", help="write what was taken; the rest to OUT's .refused.jsonl"
    )

    estimate = verb(
        "estimate", _estimate, "nova-tune estimate train.jsonl --model nova-micro --platform bedrock --epochs 2"
    )
    estimate.add_argument("file")
    shared(estimate, model=True)
    kinds(estimate, "auto")
    estimate.add_argument("--platform", choices=PLATFORMS, required=True)
    estimate.add_argument("--instance", default="ml.g5.48xlarge", help="sagemaker: the instance type of the recipe")
    estimate.add_argument(
        "--hours", help="sagemaker: how long it trains; without it the estimate is what it costs at most"
    )
    estimate.add_argument("--epochs", type=int, required=True)
    estimate.add_argument("--sample", type=int, metavar="N")
    estimate.add_argument("--queries-per-month", type=int, metavar="N")

    rehearse = verb("rehearse", _rehearse, "nova-tune rehearse -- aws bedrock list-custom-models")
    rehearse.add_argument("--assumptions", action="store_true", help="list what it does and on whose word, and end")
    rehearse.add_argument("--path", metavar="DIR", help="keep its state there, for the next rehearsal")
    rehearse.add_argument("command", nargs=argparse.REMAINDER, help="-- and the command with its arguments")
    rehearse.set_defaults(json=False)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code tells how it ended.

    Args:
        arguments: The words after ``nova-tune``; those of the command line without it.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except BrokenPipeError:  # the reader of the pipe has seen enough
        return _DONE
    except (errors.NovaTuneError, OSError) as error:
        print(f"nova-tune: {error}", file=sys.stderr)
        return _CANNOT
    return code


if __name__ == "__main__":
    sys.exit(main())
