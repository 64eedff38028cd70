"""The distributions that are built from the repository: what they say, and what runs where they are unpacked."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
from needs import lacking, need_a_build
from terminals import environment

import autograd
from autograd.codegen import c

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINK = re.compile(r"(!?)\[[^]]*\]\(([^)\s]+)\)")
LINK_WITH_TEXT = re.compile(r"\[([^]]*)\]\([^)]*\)")
TOP_LEVEL = {
    ".ci",
    ".clang-format",
    ".github",
    ".gitignore",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "autograd",
    "docs",
    "examples",
}
TOP_LEVEL |= {"pyproject.toml", "setup.py", "tests"}
KINDS = {  # of files, in each folder
    "autograd": {".py", ".pyi", ".typed", ".css", ".html", ".js", ".c", ".h"},
    "docs": {".md", ".svg", ".png"},
    "examples": {".py"},
    "tests": {".py", ".c", ".json"},
}
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "*.so", "*.pyd")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


def python(*arguments: str | Path, cwd: Path, status: int = 0, **variables: str) -> str:
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout + result.stderr


def need_setuptools() -> None:
    version = importlib.metadata.version("setuptools") if importlib.util.find_spec("setuptools") else "0"
    if int(version.split(".")[0]) < 77:
        lacking('setuptools is older than 77: pip install -e ".[test]"')


def built(source: Path, target: Path, **variables: str) -> tuple[Path, Path]:
    """Build both distributions as pip does, from a copy of the repository; return the source's and the wheel."""
    need_setuptools()
    for kind in ("build_sdist", "build_wheel"):
        python("-c", BUILD, kind, target, cwd=source, status=0, **variables)
    return next(target.glob("*.tar.gz")), next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("distributions")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_COPIED)
    return built(folder / "source", folder, CFLAGS="-O0")  # a core in a fraction of the time: nothing here is long


def test_the_repository_has_no_stray_files() -> None:
    """What a program has left where it ran is not committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, in which files are committed")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.splitlines()]
    assert {file.parts[0] for file in files} == TOP_LEVEL
    kinds = {(file.parts[0], file.suffix or file.name) for file in files if file.parts[0] in KINDS}
    assert kinds <= {(folder, kind) for folder, kinds in KINDS.items() for kind in kinds}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def test_the_version_stands_in_one_place(distributions: tuple[Path, Path]) -> None:
    assert "version" in PROJECT["dynamic"]
    assert metadata(distributions[1])["Version"] == autograd.__version__
    sources = [ROOT / "pyproject.toml", ROOT / "setup.py", *(ROOT / "autograd").rglob("*.py")]
    assert sum(f'"{autograd.__version__}"' in path.read_text(encoding="utf-8") for path in sources) == 1


def test_what_the_package_says_of_itself(distributions: tuple[Path, Path]) -> None:
    said = metadata(distributions[1])
    assert said["Author"] == "the scalar-autograd developers"
    oldest = re.findall(r"\d+\.\d+", PROJECT["requires-python"])[0]
    assert f"Programming Language :: Python :: {oldest}" in said.get_all("Classifier", [])
    assert PROJECT["scripts"] == {"scalar-autograd": "autograd.__main__:run"}


def test_the_description_has_no_link_that_leads_nowhere(distributions: tuple[Path, Path]) -> None:
    description = str(metadata(distributions[1]).get_payload())
    assert "A tiny scalar autograd engine" in description
    assert "Contributing: a map of the code" in LINK_WITH_TEXT.sub(r"\1", description)  # the text of a link
    source = PROJECT.get("urls", {}).get("Source", "https://")
    assert [target for _, target in LINK.findall(description) if not target.startswith(source)] == []


def test_one_place_has_the_address_of_the_repository(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path / "source", ignore=NOT_COPIED)
    settings = tmp_path / "source" / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    home = "https://example.org/someone/scalar-autograd"
    text = re.sub(
        r'^(# )?\[project\.urls\]\n(# )?Source = ".*"$', f'[project.urls]\nSource = "{home}"', text, flags=re.M
    )
    settings.write_text(text, encoding="utf-8")
    need_setuptools()
    variables = {"AUTOGRAD_PURE": "1", "AUTOGRAD_REQUIRE_NATIVE": ""}
    python("-c", BUILD, "build_wheel", tmp_path, cwd=tmp_path / "source", status=0, **variables)
    said = metadata(next(tmp_path.glob("*.whl")))
    assert said["Project-URL"] == f"Source, {home}"
    links = LINK.findall(str(said.get_payload()))
    own = [(picture, target) for picture, target in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert len(links) == len(own)
    assert set(links) == {
        (picture, target if "://" in target else f"{home}/{'raw' if picture else 'blob'}/HEAD/{target}")
        for picture, target in own
    }


@pytest.fixture
def unpacked(distributions: tuple[Path, Path], tmp_path: Path) -> Path:
    """The folder of the source distribution."""
    with tarfile.open(distributions[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    return folder


@pytest.mark.campaign
def test_tests_run_where_the_source_distribution_is_unpacked(unpacked: Path) -> None:
    """All files of the tests are there, and a few of them run."""
    folder = unpacked
    # --assert=plain: to rewrite assertions takes longer than to check them
    options = ["-m", "pytest", "-n0", "--assert=plain", "-k", "not example and not page"]
    chosen = ["tests/test_stubs.py", "tests/test_text.py", "tests/test_documents.py"]
    said = python(*options, *chosen, cwd=folder, AUTOGRAD_REQUIRE_NATIVE="")
    assert "passed" in said or re.search(r"\[100%\]", said)
    assert str(folder) in python(
        "-c", "import autograd; print(autograd.__file__)", cwd=folder, AUTOGRAD_REQUIRE_NATIVE=""
    )
    ours, theirs = ({path.relative_to(top) for path in (top / "tests").rglob("*")} for top in (ROOT, folder))
    assert {path for path in ours if path.suffix in KINDS["tests"]} <= theirs


@pytest.mark.campaign
def test_all_tests_are_collected_where_the_source_distribution_is_unpacked(unpacked: Path) -> None:
    collect = ["-m", "pytest", "-n0", "--assert=plain", "--collect-only", "-m", ""]
    here, there = (python(*collect, cwd=folder, AUTOGRAD_REQUIRE_NATIVE="") for folder in (ROOT, unpacked))
    tests, found = ({line for line in said.splitlines() if "::" in line} for said in (here, there))
    assert tests
    assert tests <= found  # the engine in Python has functions with examples of their own


def test_hints_name_distributions_that_are_installed_as_they_are_written() -> None:
    """Not extras of this one, which may not be on the index that the reader uses."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    sources = [path for folder in ("autograd", "examples") for path in (ROOT / folder).rglob("*.py")]
    known = {re.split(r"[>=]", name)[0] for names in PROJECT["optional-dependencies"].values() for name in names}
    for path in [*pages, *sources]:
        for what in re.findall(r"pip install ([^\s`)\\]+)", path.read_text(encoding="utf-8")):
            name = what.strip("'\".,;")
            assert name in known | {"-e", "-q", "torch"}, f"{path} says pip install {name}"


def test_without_numpy_its_backend_says_what_to_install() -> None:
    program = "import sys; sys.modules['numpy'] = None\nfrom autograd import *\nimport autograd\nx = Value(1.0)\n"
    said = python("-c", program + "autograd.compile(x * x, x, backend='numpy')", cwd=ROOT, status=1)
    assert said.splitlines()[-1] == 'ModuleNotFoundError: backend="numpy" needs NumPy: pip install numpy'


# With the native core and without ------------------------------------------------------------------------------------

SMALL_CORE = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "core", NULL, 0, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_core(void) { return PyModuleDef_Init(&definition); }
"""
"""A module that is built faster than the core."""

ABOUT_THE_CORE = [f"_native/{file.name}" for file in (ROOT / "autograd/_native").glob("*.py")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of what setup.py reads, with a small core, and only the modules that it names."""
    need_setuptools()
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for module in ("__init__.py", "native.py", "ops.py", "floats.py", "codegen/c.py", *ABOUT_THE_CORE):
        name = f"autograd/{module}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "autograd/_native/core.c").write_text(SMALL_CORE)
    return folder


AS_BUILT = {"AUTOGRAD_PURE": "", "AUTOGRAD_REQUIRE_NATIVE": ""}


def wheel(source: Path, status: int = 0, **variables: str) -> tuple[str, list[str]]:
    """Build a wheel; return its tags, and the files of the native core in it."""
    chosen = AS_BUILT | variables
    said = python("-c", BUILD, "build_wheel", source / "dist", cwd=source, status=status, **chosen)
    if status:
        return said, []
    (file,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        files = [name for name in archive.namelist() if "_native/" in name and not name.endswith(".py")]
    file.unlink()
    return file.name.split("-", 2)[2], files


@pytest.mark.campaign
def test_a_wheel_is_tagged_for_what_is_in_it(source: Path) -> None:
    need_a_build()
    tags, (file,) = wheel(source, AUTOGRAD_STABLE_ABI="1")
    assert tags.startswith("cp311-abi3-") and "any" not in tags
    assert Path(file).name in ("core.abi3.so", "core.pyd")
    tags, (file,) = wheel(source, AUTOGRAD_STABLE_ABI="0")  # in the same folder
    version = "cp{}{}".format(*sys.version_info)
    assert tags.startswith(f"{version}-{version}-")
    assert Path(file).name == f"core{sysconfig.get_config_var('EXT_SUFFIX')}"
    pure: tuple[str, list[str]] = ("py3-none-any.whl", [])
    assert wheel(source, AUTOGRAD_PURE="1") == pure  # nor is what the earlier builds have left in it
    assert wheel(source, CC="no-such-compiler") == pure
    (source / "autograd/_native/core.c").write_text("no C")
    assert wheel(source) == pure


def test_the_core_is_compiled_once(source: Path) -> None:
    need_a_build()
    said = python("-c", BUILD, "build_wheel", source / "dist", cwd=source, status=0, **AS_BUILT)
    assert said.count("building 'autograd._native.core' extension") == 1, said


def test_where_the_core_is_required_its_absence_is_an_error(source: Path) -> None:
    said, _ = wheel(source, status=1, AUTOGRAD_REQUIRE_NATIVE="1", CC="no-such-compiler")
    assert "no-such-compiler" in said
    said, _ = wheel(source, status=1, AUTOGRAD_REQUIRE_NATIVE="1", AUTOGRAD_PURE="1")
    assert "AUTOGRAD_PURE is set" in said


ELSEWHERE = {
    "sys.implementation.name = 'pypy'": "it is for CPython, and this is pypy",
    "sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1": "it relies on the lock that free-threaded Python lacks",
    "os.environ['_PYTHON_HOST_PLATFORM'] = 'emscripten_4_0_9_wasm32'": "it is not for WebAssembly",
    "os.environ['PYODIDE'] = '1'": "it is not for WebAssembly",
}


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_no_core_is_built_where_it_would_not_run(elsewhere: str, source: Path) -> None:
    program = f"import os, sys, sysconfig\n{elsewhere}\nimport setup\nprint(setup.reason_for_none())\nsetup.core()"
    assert python("-c", program, cwd=source, AUTOGRAD_PURE="") == f"{ELSEWHERE[elsewhere]}\n"


WITHOUT_CORE = "sys.modules['autograd._native.core'] = None\nfrom autograd._native import reason\nprint(reason)"


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_where_there_is_none_on_purpose_nobody_is_told_to_build_one(elsewhere: str) -> None:
    program = f"import os, sys, sysconfig\n{elsewhere}\n{WITHOUT_CORE}"
    assert python("-c", program, cwd=ROOT, status=0, **AS_BUILT) == f"{ELSEWHERE[elsewhere]}\n"


def test_what_to_do_depends_on_what_is_there(installed: Path) -> None:
    """An installed package has no folder of the project."""
    program = f"import sys\n{WITHOUT_CORE}"
    (installed / "autograd/_native/elsewhere.py").write_text("def reason_for_none() -> str:\n    return ''\n")
    said = python("-c", program, cwd=installed, status=0, **AS_BUILT)
    assert said.startswith("it has not been built: install the package again, from its source"), said
    shutil.copy(ROOT / "autograd/_native/core.c", installed / "autograd/_native")
    said = python("-c", program, cwd=installed, status=0, **AS_BUILT)
    assert said == (
        "it has not been built: with a C compiler and Python's headers, pip install -e . in the folder of the project\n"
    )


def test_a_core_of_earlier_sources_does_not_stay_in_place(source: Path) -> None:
    need_a_build()
    build = ["setup.py", "-q", "build_ext", "--inplace"]
    python(*build, cwd=source, AUTOGRAD_PURE="", AUTOGRAD_REQUIRE_NATIVE="1")
    folder = source / "autograd/_native"
    assert len([*folder.glob("*.so"), *folder.glob("*.pyd")]) == 1
    python(*build, cwd=source, AUTOGRAD_PURE="1", AUTOGRAD_REQUIRE_NATIVE="")
    assert [*folder.glob("*.so"), *folder.glob("*.pyd")] == []


def test_the_core_is_compiled_for_the_bits_of_python(source: Path) -> None:
    program = "import setup; print(*setup.options('unix'))"
    options = python("-c", program, cwd=source, CFLAGS="-O1 -ffp-contract=fast").split()
    assert options[-len(c.FLAGS) :] == c.FLAGS
    assert options.index("-O1") > options.index("-O3")  # the user's come later


def test_sources_of_the_core_are_in_the_source_distribution_only(distributions: tuple[Path, Path]) -> None:
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "autograd/_native").glob("*.[ch]")}
    with tarfile.open(distributions[0]) as archive:
        assert sources <= {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(distributions[1]) as archive:
        assert not sources & set(archive.namelist())


# Beside HIPS autograd ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with this one, which has run: its bytecode is there."""
    folder = tmp_path_factory.mktemp("packages") / "site-packages"
    with zipfile.ZipFile(distributions[1]) as archive:
        archive.extractall(folder)
    assert python("-c", "import autograd; print(autograd.__version__)", cwd=folder) == f"{autograd.__version__}\n"
    return folder


@pytest.fixture
def installed(package: Path, tmp_path: Path) -> Path:
    """A folder of packages with this one."""
    return shutil.copytree(package, tmp_path / "site-packages")


def test_an_installation_is_silent(installed: Path) -> None:
    assert python("-c", "import autograd; print(autograd.__version__)", cwd=installed) == f"{autograd.__version__}\n"
    version, engine = python("-m", "autograd", "--version", cwd=installed).splitlines()
    assert version == f"scalar-autograd {autograd.__version__}"
    assert engine.startswith("engine: ")


@pytest.mark.parametrize("theirs", ["numpy/__init__.py", "tracer.py"])
def test_hips_autograd_in_the_same_folder_is_named(theirs: str, installed: Path) -> None:
    file = installed / "autograd" / theirs
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise RuntimeError('a file of HIPS autograd was imported')")
    (installed / "program.py").write_text("import autograd\nprint(autograd.Value(1.0))\n")
    said = python("program.py", cwd=installed)
    assert re.search(r"program\.py:1: UserWarning: HIPS autograd has been installed into the folder of", said)
    assert len(re.findall("HIPS", said)) == 1
    assert str(installed / "autograd") in said
    assert "Value(data=1.0, grad=0.0)" in said
