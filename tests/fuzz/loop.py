"""Runs a fuzz target: with atheris where it is installed, else with mutations of seeds."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence

INTERESTING = (
    b"\r\n",
    b"\r",
    b"\n",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: a\r\n",
    b"Connection: ",
    b"close",
    b"Upgrade: ",
    b"Expect: 100-continue\r\n",
    b"TE: trailers\r\n",
    b"X: y\r\n",
    b"fffffff",
    b"99999999999999999",
    b"\xff",
    b"\x7f",
    b"http://",
    b"CONNECT a:1 ",
    b"GET / ",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 \r\n\r\n",
    b"HTTP/1.1 204 \r\n",
)


def mutated(data: bytes, draw: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return ``data`` with a few random changes."""
    result = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3, 5, 8))):
        at = draw.randrange(len(result) + 1)
        span = draw.choice((0, 0, 1, 1, 2, 4, 16))
        kind = draw.randrange(5)
        if kind == 0:
            result[at : at + span] = draw.choice(INTERESTING)
        elif kind == 1:
            result[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 2:
            del result[at : at + max(span, 1)]
        elif kind == 3:
            other = draw.choice(seeds)
            start = draw.randrange(len(other) + 1)
            result[at:at] = other[start : start + draw.choice((4, 16, 64, 4096))]
        else:
            result[at:at] = result[at : at + span] * draw.choice((1, 2, 40))
    return bytes(result[:20000])


def run(check: Callable[[bytes], None], seeds: Sequence[bytes], seconds: float, seed: int) -> int:
    """Check the seeds and mutations of them for ``seconds``; returns how many inputs."""
    draw = random.Random(seed)
    end = time.monotonic() + seconds
    corpus = list(seeds)
    count = 0
    for data in seeds:
        check(data)
        count += 1
    while time.monotonic() < end:
        data = mutated(draw.choice(corpus), draw, seeds)
        try:
            check(data)
        except BaseException:
            sys.stderr.write(f"seed {seed}, input {count}: {data!r}\n")
            raise
        count += 1
        if count % 50 == 0 and len(corpus) < 5000:
            corpus.append(data)
    return count


def main(check: Callable[[bytes], None], seeds: Sequence[bytes]) -> None:
    """The command line of a target: ``[--seconds N] [--seed N]`` or atheris's own."""
    try:
        import atheris  # type: ignore[import-not-found]
    except ImportError:
        parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
        parser.add_argument("--seconds", type=float, default=60.0)
        parser.add_argument("--seed", type=int, default=None)
        options = parser.parse_args()
        seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
        count = run(check, seeds, options.seconds, seed)
        sys.stdout.write(f"{count} inputs, nothing found (seed {seed})\n")
        return
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
