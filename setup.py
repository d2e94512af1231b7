"""Compiles the data plane.

A module is compiled when it has a sibling ``.pxd`` (typed Python) or is a ``.pyx`` (C is spoken
there), so the ``.pxd`` files are the map of the data plane.  The build fails when a module does not
compile: a proxy that silently runs ten times slower is an outage.

Environment: ``PYMOSN_ASAN=1`` builds with AddressSanitizer, ``PYMOSN_DEBUG=1`` without optimisation.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCE = Path("src")
ASAN = os.environ.get("PYMOSN_ASAN") == "1"
DEBUG = os.environ.get("PYMOSN_DEBUG") == "1" or ASAN

C_FLAGS = ["-O1", "-g"] if DEBUG else ["-O2", "-g0", "-fno-plt"]
# Cython's new form of constructors pays off only where constructors get arguments.
C_FLAGS += ["-DCYTHON_VECTORCALL_TPNEW=0"]
C_FLAGS += ["-Wall", "-Werror=sign-compare", "-Wno-unused-function"]
LINK_FLAGS: list[str] = []
if ASAN:
    C_FLAGS += ["-fsanitize=address", "-fno-omit-frame-pointer"]
    LINK_FLAGS += ["-fsanitize=address"]


def compiled_sources() -> list[Path]:
    typed = [path.with_suffix(".py") for path in SOURCE.rglob("*.pxd")]
    native = list(SOURCE.rglob("*.pyx"))
    return sorted({path for path in typed if path.exists()} | set(native))


def extension(source: Path) -> Extension:
    name = ".".join(source.relative_to(SOURCE).with_suffix("").parts)
    return Extension(
        name, [str(source)], extra_compile_args=C_FLAGS, extra_link_args=LINK_FLAGS
    )


CORES = len(os.sched_getaffinity(0))


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
        },
        nthreads=CORES,
        build_dir="build/c",
    ),
    options={"build_ext": {"parallel": CORES}},
)
