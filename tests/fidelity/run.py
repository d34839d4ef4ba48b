"""Run the fidelity programs: against the rehearsal, or with ``--against-aws`` against a real account.

    python tests/fidelity/run.py
    python tests/fidelity/run.py --against-aws --bucket my-bucket --role-arn arn:aws:iam::...:role/... --max-usd 0

Against AWS it is off unless asked for, says what it would cost, and runs only programs that fit in ``--max-usd`` (0 by
default: those that cost nothing). A difference is printed, not repaired: send it in, and the table learns from it.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from botocore.exceptions import BotoCoreError, ClientError
from programs import PROGRAMS, Place

from nova_tune.rehearsal import Rehearsal


def chosen(max_usd):
    """The programs that fit in the budget, cheapest first."""
    left, found = max_usd, []
    for one in sorted(PROGRAMS, key=lambda program: program.usd):
        if one.usd <= left:
            found.append(one)
            left -= one.usd
    return found


def say(line):
    """One line of the report."""
    sys.stdout.write(line + "\n")


def run_all(place, programs):
    """Run them and print a line for each; the number that differ."""
    different = 0
    for one in programs:
        try:
            one.run(place)
        except (AssertionError, BotoCoreError, ClientError, LookupError, TypeError, ValueError) as error:
            different += 1
            last = traceback.extract_tb(error.__traceback__)[-1]
            say(f"DIFFERS {one.name} ({', '.join(one.behaviours)}): {type(error).__name__}: {error} line {last.lineno}")
        else:
            say(f"same    {one.name} ({', '.join(one.behaviours)})")
    return different


def main(arguments=None):
    """Exit code 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against-aws", action="store_true", help="a real account; needs --bucket and --role-arn")
    parser.add_argument("--bucket")
    parser.add_argument("--role-arn")
    parser.add_argument("--max-usd", type=float, default=0.0, help="the most that a run may cost, 0 unless given")
    options = parser.parse_args(arguments)
    if not options.against_aws:
        with Rehearsal(speed=0, base_first_token_ms=0, base_token_ms=0) as local:
            session = local.session()
            place = Place(client=session.client, bucket=local.bucket, role_arn=local.role_arn, advance=local.advance)
            return 1 if run_all(place, PROGRAMS) else 0
    if not (options.bucket and options.role_arn):
        parser.error("--against-aws needs --bucket and --role-arn")
    import boto3

    session = boto3.Session(region_name="us-east-1")
    place = Place(
        client=session.client, bucket=options.bucket, role_arn=options.role_arn, advance=lambda _: time.sleep(5)
    )
    programs = chosen(options.max_usd)
    say(f"{len(programs)} of {len(PROGRAMS)} programs, at most {sum(one.usd for one in programs):.4f} USD")
    return 1 if run_all(place, programs) else 0


if __name__ == "__main__":
    sys.exit(main())
