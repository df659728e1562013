"""The compiled core: one extension per flash/_core/*.pyx, and its flags. Nothing else is here.

Switches (environment variables, set to 1; each is recorded and shown by `flash info`):

FLASH_DEBUG     no optimisation, debug symbols, bounds checks; an integer that overflows is a trap
FLASH_SANITIZE  address and undefined-behaviour sanitizers (run Python with libasan preloaded)
FLASH_COVERAGE  line tracing, for coverage's Cython plugin
FLASH_NATIVE    -march=native: faster here, and not to be carried to another machine

Each set of switches and flags has a build folder of its own: other switches build anew what they
change, and going back to the former ones builds nothing. A wheel takes what is built there.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from glob import glob
from multiprocessing import get_start_method
from zlib import crc32

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

SWITCHES = ("DEBUG", "SANITIZE", "COVERAGE", "NATIVE")
on = {s for s in SWITCHES if os.environ.get(f"FLASH_{s}", "0") not in ("", "0")}
checked = bool(on & {"DEBUG", "SANITIZE"})
debug, sanitize, coverage, native = (s in on for s in SWITCHES)

if sys.platform == "win32":
    # /fp:precise contracts nothing and keeps IEEE order: the same totals as every other build.
    flags = ["/Od" if debug else "/O2", "/fp:precise", "/std:c11"]
    if native or sanitize:
        sys.exit("setup.py: FLASH_NATIVE and FLASH_SANITIZE need gcc or clang")
else:
    # Never -ffast-math: it reorders sums, and at link time flushes denormals process-wide.
    flags = ["-O0" if debug else "-O3", "-ffp-contract=off", "-fno-math-errno", "-std=gnu11"]
    if native:
        flags.append("-march=native")
    if debug or sanitize or coverage:
        flags.append("-g")
    if debug:  # not Cython's overflowcheck: it fails on enums whose values are worked out
        flags += ["-fno-wrapv", "-fsanitize=signed-integer-overflow"]
        flags.append("-fsanitize-undefined-trap-on-error")
    if sanitize:
        flags += ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]

directives = {
    "language_level": "3",
    "boundscheck": checked,
    "wraparound": False,
    "initializedcheck": checked,
    "cdivision": True,
    "linetrace": coverage,
    "autotestdict": False,
}
with open("flash/_version.py", encoding="utf-8") as file:
    version = file.read().split('"')[1]

# For `flash info`.
macros = [
    ("FLASH_BUILD_FLAGS", f'"{shlex.join(flags)}"'),
    ("FLASH_BUILD_SWITCHES", f'"{" ".join(sorted(on)).lower()}"'),
    ("FLASH_CYTHON", f'"{Cython.__version__}"'),
    ("FLASH_VERSION", f'"{version}"'),
]
if coverage:
    macros += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")]


def headers(path: str) -> set[str]:
    """Return what a C file includes of flash's own, however deep: Cython sees the first only."""
    found: set[str] = set()
    with open(path, encoding="utf-8") as file:
        names = re.findall(r'^\s*#\s*include "(.+)"', file.read(), re.MULTILINE)
    for name in names:
        own = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if own not in found:
            found |= {own, *headers(own)}
    return found


# What each header brings with it. Cython itself finds the .pxd files that a module includes, and
# the headers that these name; a core module that needs a plain C file beside it names it in its
# first lines: `# distutils: sources = flash/_core/...`.
within = {path: headers(path) for path in glob("flash/_core/**/*.[hc]", recursive=True)}
extensions = [
    Extension(
        os.path.splitext(path)[0].replace(os.sep, "."),
        [path],
        include_dirs=["flash/_core"],
        depends=["setup.py"],
        define_macros=macros,
        undef_macros=["NDEBUG"] if debug else [],
        extra_compile_args=flags,
        extra_link_args=["-fsanitize=address,undefined"] if sanitize else [],
    )
    for path in sorted(glob("flash/_core/**/*.pyx", recursive=True))
]

# Cython looks at a module's age only: its C files need another folder for other directives.
# The coverage plugin wants them beside their modules.
made_by = repr((directives, Cython.__version__))
generated = None if coverage else f"build/cython-{crc32(made_by.encode()):08x}"

# Packing sources needs no C files: made by another Cython then, they would be newer than what is
# built.
packing = set(sys.argv) & {"sdist", "egg_info", "dist_info"}
modules = extensions
if not packing:
    forks = get_start_method() == "fork"  # a process started anew would run this file
    at_once = (os.cpu_count() or 1) if forks else 0
    modules = cythonize(
        extensions, nthreads=at_once, compiler_directives=directives, build_dir=generated
    )
for module in modules:
    named = {os.path.normpath(path) for path in [*module.depends, *module.sources]}
    module.depends = sorted(named.union(*(within[path] for path in named & within.keys())))
if not packing:  # the longest first: two compilers end together then
    modules.sort(key=lambda module: -sum(map(os.path.getsize, module.sources)))
sources = [source for module in modules for source in module.sources]
# Two compilers at once on one object file would spoil it.
parallel = (os.cpu_count() or 1) if len(set(sources)) == len(sources) else 1

# What else than the sources decides what a compiler makes of them.
outside = {name: os.environ.get(name) for name in ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS")}
key = f"{crc32(repr((directives, flags, macros, outside, sys.version)).encode()):08x}"


# Of a processor's features as /proc/cpuinfo names them, those that a compiler may use.
INSTRUCTIONS = r"\b(?:s*sse\w*|avx\w*|fma\w*|bmi\w*|f16c|movbe|abm|adx|sve\w*|asimd\w*)\b"


class Build(build_ext):
    """Builds in place, an editable install's too, from the folder of these switches and flags."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.inplace:
            self.build_lib = self.build_temp = f"build/core-{key}"

    def build_extension(self, ext: Extension) -> None:
        built = os.path.join(f"build/core-{key}", self.get_ext_filename(ext.name))
        if self.inplace or self.force or newer_group([*ext.sources, *ext.depends], built, "newer"):
            super().build_extension(ext)
        else:
            self.mkpath(os.path.dirname(self.get_ext_fullpath(ext.name)))
            self.copy_file(built, self.get_ext_fullpath(ext.name))

    def copy_extensions_to_source(self) -> None:
        self.force = True  # those in place may be newer and yet of other flags
        super().copy_extensions_to_source()

    def run(self) -> None:
        super().run()
        mark = os.path.join("" if self.inplace else self.build_lib, "flash/_core/native.txt")
        if native and os.path.exists("/proc/cpuinfo"):  # flash refuses it where one is lacking
            with open("/proc/cpuinfo", encoding="utf-8") as cpu, open(mark, "w") as file:
                has = next(line for line in cpu if line.startswith(("flags", "Features")))
                file.write(" ".join(re.findall(INSTRUCTIONS, has)) + "\n")
        elif os.path.exists(mark):
            os.remove(mark)


setup(
    ext_modules=modules,
    cmdclass={"build_ext": Build},
    options={"build_ext": {"parallel": parallel}},
)
