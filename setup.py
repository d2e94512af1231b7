"""Compiles the data plane.

A module is compiled when it has a sibling ``.pxd`` (typed Python) or is a ``.pyx`` (C is spoken
there), so the ``.pxd`` files are the map of the data plane.  The build fails when a module does not
compile: a proxy that silently runs ten times slower is an outage.

``network/openssl.pxd`` names what is used of OpenSSL 3, whose headers must be installed.

Environment: ``PYMOSN_ASAN=1`` builds with AddressSanitizer, ``PYMOSN_DEBUG=1`` without
optimisation.
"""

import multiprocessing
import os
import shlex
import subprocess
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCE = Path("src")
ASAN = os.environ.get("PYMOSN_ASAN") == "1"
DEBUG = os.environ.get("PYMOSN_DEBUG") == "1" or ASAN

C_FLAGS = ["-O1", "-g"] if DEBUG else ["-O2", "-g0", "-fno-plt"]
# Cython's new form of constructors pays off only where constructors get arguments.
C_FLAGS += ["-DCYTHON_VECTORCALL_TPNEW=0"]
C_FLAGS += ["-include", str(SOURCE / "pymosn" / "cold_errors.h")]
# Warnings, not errors: a compiler that is newer than this file must not end an installation.
C_FLAGS += ["-Wall", "-Wsign-compare", "-Wno-unused-function"]
LINK_FLAGS: list[str] = []
if ASAN:
    C_FLAGS += ["-fsanitize=address", "-fno-omit-frame-pointer"]
    LINK_FLAGS += ["-fsanitize=address"]


LIBRARIES = {
    "pymosn.network.openssl": ["crypto"],
    "pymosn.network.certificates": ["crypto"],
    "pymosn.network.tls": ["ssl", "crypto"],
    "pymosn.network.tls_context": ["ssl", "crypto"],
    "pymosn.network.tls_session": ["ssl", "crypto"],
}


def check_openssl() -> None:
    """Say which package is missing instead of showing a page of a compiler's messages."""
    wanted = b"#include <openssl/ssl.h>\n#if OPENSSL_VERSION_NUMBER < 0x30000000L\n#error\n#endif\n"
    compiler = [*shlex.split(os.environ.get("CC", "cc")), "-E", "-x", "c", "-"]
    compiler[1:1] = shlex.split(os.environ.get("CFLAGS", ""))
    done = subprocess.run(compiler, input=wanted, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(
            "The headers of OpenSSL 3 are missing. Install them: apt-get install libssl-dev"
        )


def compiled_sources() -> list[Path]:
    typed = [path.with_suffix(".py") for path in SOURCE.rglob("*.pxd")]
    native = list(SOURCE.rglob("*.pyx"))
    return sorted({path for path in typed if path.exists()} | set(native))


def extension(source: Path) -> Extension:
    name = ".".join(source.relative_to(SOURCE).with_suffix("").parts)
    return Extension(
        name,
        [str(source)],
        libraries=LIBRARIES.get(name, []),
        extra_compile_args=C_FLAGS,
        extra_link_args=LINK_FLAGS,
    )


if "build_ext" in sys.argv or "bdist_wheel" in sys.argv:
    check_openssl()

CORES = len(os.sched_getaffinity(0))
# Cython shares its work among processes.  Since Python 3.14 they would begin by running this file
# again, unless they are told to be forks.
multiprocessing.set_start_method("fork", force=True)


setup(
    ext_modules=cythonize(
        [extension(source) for source in compiled_sources()],
        include_path=[str(SOURCE)],
        compiler_directives={
            "language_level": "3",
            # The .pxd types the code; annotations are for readers and mypy.
            "annotation_typing": False,
            "initializedcheck": DEBUG,
            "cdivision": True,
            "binding": True,
            # Nothing of the data plane is ever pickled, and each class pays 5 KB to be able to.
            "auto_pickle": False,
        },
        nthreads=CORES,
        build_dir="build/c",
    ),
    options={"build_ext": {"parallel": CORES}},
)
