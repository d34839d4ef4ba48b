"""The rehearsal under load, in a process of its own: 1,000 control calls, and 200 streams started over one second.

Prints the time of the calls, and how late first tokens are at the client against the time they were set to. The aims:
under 6 s, and under 30 ms at the 95th percentile.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config

from nova_tune.rehearsal import Rehearsal
from nova_tune.rehearsal._session import RehearsalSession

FIRST_TOKEN_MS = 500.0
CALLS, STREAMS = 1_000, 200
ASK = {"modelId": "amazon.nova-micro-v1:0", "messages": [{"role": "user", "content": [{"text": "how many?"}]}]}


def serve(pipe: Any) -> None:
    """Run a rehearsal until the other side says so."""
    started = time.perf_counter()
    with Rehearsal(speed=0, base_first_token_ms=FIRST_TOKEN_MS, base_token_ms=1) as local:
        pipe.send((local.url, time.perf_counter() - started))
        pipe.recv()


def control(session: Any) -> None:
    """One client, one call after the other."""
    bedrock = session.client("bedrock")
    bedrock.list_custom_models()
    started = time.perf_counter()
    for _ in range(CALLS):
        bedrock.list_custom_models()
    print(f"{CALLS:,} control calls: {time.perf_counter() - started:.2f} s (aim: under 6 s)")


def streams(session: Any) -> None:
    """Streams that begin evenly over one second, each in a thread of its own."""
    config = Config(max_pool_connections=STREAMS, retries={"total_max_attempts": 1})
    runtime = session.client("bedrock-runtime", config=config)
    begin = time.perf_counter() + 0.5

    def one(number: int) -> float:
        time.sleep(max(0.0, begin + number / STREAMS - time.perf_counter()))
        asked = time.perf_counter()
        first = None
        for event in runtime.converse_stream(**ASK)["stream"]:
            if first is None and "contentBlockDelta" in event:
                first = time.perf_counter()
        assert first is not None
        return (first - asked) * 1000 - FIRST_TOKEN_MS

    with ThreadPoolExecutor(STREAMS) as pool:
        late = list(pool.map(one, range(STREAMS)))
    p95 = statistics.quantiles(late, n=20)[-1]
    print(f"{STREAMS} streams over 1 s: first token late by {statistics.median(late):.1f} ms in the median")
    print(f"    and by {p95:.1f} ms at the 95th percentile (aim: under 30 ms)")


def main() -> None:
    """Serve in another process, measure from this one."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    server.start()
    url, seconds = here.recv()
    print(f"started in {seconds:.2f} s, imports of moto included")
    session = RehearsalSession(url=url, access_key="BENCHMARK", region=Rehearsal.region)
    control(session)
    streams(session)
    here.send("end")
    server.join()


if __name__ == "__main__":
    main()
