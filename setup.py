"""The compiled core: one extension per flash/_core/*.pyx, and its flags. What a build needs first.

Switches (environment variables, set to 1; each is recorded and shown by `flash info`):

FLASH_DEBUG     no optimisation, debug symbols, bounds checks; an integer that overflows is a trap
FLASH_SANITIZE  address and undefined-behaviour sanitizers (run Python with libasan preloaded)
FLASH_COVERAGE  line tracing, for coverage's Cython plugin
FLASH_NATIVE    -march=native: faster here, and not to be carried to another machine

FLASH_OVERWRITE=1 installs beside another distribution whose module is called flash, too.

Each set of switches and flags has a build folder of its own: other switches build anew what they
change, and going back to the former ones builds nothing. A wheel takes what is built there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import sysconfig
from glob import glob
from multiprocessing import get_start_method
from zlib import crc32

packing = set(sys.argv) & {"sdist", "egg_info", "dist_info"}
installing = set(sys.argv) & {"install", "bdist_wheel", "editable_wheel", "develop"}
# As pyproject.toml has them, which only pip reads.
PYTHON, TOOLS = (3, 11), {"setuptools": (77, 0, 3), "Cython": (3, 1)}


def stop(what: str, cure: str) -> None:
    """End the build: what is wrong, and what to do."""
    sys.exit(f"\nflash can't be built: {what}.\n{cure}.\n")


def check_tools() -> None:
    """Stop where Python or what builds is missing or too old."""
    here = f"{sys.version.split()[0]} ({sys.executable})"
    if sys.version_info[:2] < PYTHON:
        least = ".".join(map(str, PYTHON))
        stop(f"it needs Python {least} or later, and this is {here}", "Run pip of another Python")
    lines = " ".join(f"'{name}>={'.'.join(map(str, least))}'" for name, least in TOOLS.items())
    cure = f"pip install {lines.lower()} brings what builds it, and so does pip by itself, where "
    cure += "--no-build-isolation is not given"
    for name, least in TOOLS.items():
        try:
            version = str(__import__(name).__version__)
        except ImportError:
            stop(f"{name} is not installed for Python {here}", cure)
        parts = tuple(int(part) for part in re.findall(r"\d+", version)[: len(least)])
        if parts < least:
            stop(f"it needs {name} {'.'.join(map(str, least))} or later, not {version}", cure)


def check_compiler() -> None:
    """Stop where there is no C compiler, or none of Python's headers: before minutes of work.

    On Windows setuptools looks for MSVC, and says what to install.
    """
    if sys.platform == "win32":
        return
    named = os.environ.get("CC")
    compiler = shlex.split(named or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        stop(
            f"it needs a C compiler, and {compiler!r}{', which CC names,' if named else ''} "
            "is not there",
            "Install one (Debian, Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc; "
            "macOS: xcode-select --install), name yours by CC=path, or install a wheel of flash, "
            "which needs none",
        )
    headers = os.path.join(sysconfig.get_path("include"), "Python.h")
    if not os.path.exists(headers):
        stop(
            f"the headers of this Python are missing: there is no {headers}",
            "Install them (Debian, Ubuntu: apt-get install python3-dev; Fedora: dnf install "
            "python3-devel), or install a wheel of flash, which needs none",
        )


def check_neighbours() -> None:
    """Stop an install beside another distribution whose module is called flash, too."""
    from importlib.metadata import distributions

    if os.environ.get("FLASH_OVERWRITE", "0") not in ("", "0"):
        return
    # Of the environment that pip installs into, also where it builds apart from it.
    folders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    for one in distributions(path=folders):
        name = str(one.metadata["Name"]).lower().replace("_", "-")
        if name != "flash-nas" and "flash" in (one.read_text("top_level.txt") or "").split():
            known = " (Lightning Flash)" if name == "lightning-flash" else ""
            stop(
                f"{name} {one.version}{known} is installed in {sys.prefix}, and its module and its "
                "command are called flash, too: each would overwrite the other's files",
                "Install this flash into an environment of its own (python3 -m venv), or take the "
                f"other away (pip uninstall {name}); FLASH_OVERWRITE=1 installs it all the same",
            )


check_tools()
if not packing:
    check_compiler()
if installing:
    check_neighbours()

import Cython  # noqa: E402
from Cython.Build import cythonize  # noqa: E402
from setuptools import Extension, setup  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402
from setuptools.modified import newer_group  # noqa: E402

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
