#!/bin/sh
# Builds the data plane with AddressSanitizer into .cache/asan and runs the fuzz targets on it.
#
#   tests/fuzz/run_asan.sh [SECONDS [TARGET…]]
#
# 300 seconds for each target unless told otherwise.  PYTHON names the interpreter; it needs Cython,
# setuptools, msgspec and hpack.
set -eu

cd "$(dirname "$0")/../.."
seconds=${1:-300}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- fuzz_http1_request fuzz_http1_response fuzz_hpack fuzz_http2_heads \
    fuzz_http2_frames fuzz_rpc fuzz_hessian fuzz_tls_hello
python=${PYTHON:-python3}
tree=.cache/asan

mkdir -p "$tree/src"
# Sources keep their times, so that only what changed is compiled again.
(cd src && find . -type f ! -name '*.so' ! -name '*.pyc' | tar -cf - -T -) | tar -xf - -C "$tree/src"
cp -p setup.py pyproject.toml LICENSE "$tree"
(cd "$tree" && PYMOSN_ASAN=1 "$python" setup.py -q build_ext --inplace)

# Python is not instrumented: its own leaks say nothing, and its allocator would hide overruns.
export PYTHONPATH="$tree/src:." PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=detect_leaks=0
library=$("${CC:-gcc}" -print-file-name=libasan.so)
for target in "$@"; do
    echo "$target: $seconds s"
    LD_PRELOAD="$library" "$python" -m "tests.fuzz.$target" --seconds "$seconds"
done
