"""A short run of every fuzz target; ``PYMOSN_FUZZ_SECONDS`` makes it longer."""

import os
import random

import pytest

from tests.fuzz import (
    fuzz_generic,
    fuzz_hessian,
    fuzz_hpack,
    fuzz_http1_request,
    fuzz_http1_response,
    fuzz_http2_frames,
    fuzz_http2_heads,
    fuzz_rpc,
    fuzz_tls_hello,
)
from tests.fuzz.loop import mutated, run

SECONDS = float(os.environ.get("PYMOSN_FUZZ_SECONDS", "2"))


@pytest.mark.timeout(60 + 10 * SECONDS)
@pytest.mark.parametrize(
    "target",
    [
        fuzz_http1_request,
        fuzz_http1_response,
        fuzz_hpack,
        fuzz_http2_heads,
        fuzz_http2_frames,
        fuzz_rpc,
        fuzz_generic,
        fuzz_hessian,
        fuzz_tls_hello,
    ],
)
def test_target(target: object) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    assert run(target.check, target.SEEDS, SECONDS, seed) > 0


def test_mutations_are_repeatable() -> None:
    seeds = fuzz_http1_request.SEEDS
    assert mutated(seeds[0], random.Random(7), seeds) == mutated(seeds[0], random.Random(7), seeds)
