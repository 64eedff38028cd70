"""Share fixtures among all tests, and run the whole suite on all processors."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, missing
from cases import mark_all_but_a_slice
from hypothesis import settings
from needs import BACKENDS, lacking, need_backend
from office import office  # noqa: F401  # a fixture

from autograd import Value, draws
from autograd.codegen.c import FLAGS
from autograd.modes import training_here
from autograd.ops import TABLE

# Without a deadline: a busy machine is no mistake.
settings.register_profile("campaign", deadline=None)
USUAL_EXAMPLES = 25
settings.register_profile("usual", max_examples=USUAL_EXAMPLES, deadline=None)
settings.load_profile("usual")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite on all processors, if pytest-xdist is installed.

    Each process starts with tests that follow each other, so that few files are split, and their fixtures made twice.
    The one that is done first takes over half of what another has left. Runs that name files, a number of processes or
    a debugger are left alone.
    """
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not (option.usepdb or option.collectonly)
    if whole and getattr(option, "numprocesses", 0) is None and "PYTEST_XDIST_WORKER" not in os.environ:
        option.numprocesses = os.cpu_count() or 1
        option.dist = "worksteal"


def pytest_configure(config: pytest.Config) -> None:
    """Compile C into a folder of this run: for all its processes, so that none compiles what another has."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="autograd-tests-")
        before = os.environ.get("AUTOGRAD_CACHE_DIR")
        os.environ["AUTOGRAD_CACHE_DIR"] = folder.name

        def end() -> None:
            os.environ.pop("AUTOGRAD_CACHE_DIR")
            if before is not None:
                os.environ["AUTOGRAD_CACHE_DIR"] = before
            folder.cleanup()

        config.add_cleanup(end)


PROGRAMS = {"office", "chromium"}
"""Fixtures of a session that take seconds to start."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Slice what is marked so, before markers choose tests.

    Begin with the files whose tests drive LibreOffice or Chromium: then one process starts these, not each.
    """
    mark_all_but_a_slice(items)
    yield
    driving = {item.path for item in items if isinstance(item, pytest.Function) and PROGRAMS & {*item.fixturenames}}
    items.sort(key=lambda item: item.path not in driving)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of all collections to come: it stays alive, and each would walk it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def collections_walk_what_their_file_has_made() -> None:
    """Leave out what the files before have made and kept, too: packages, pictures, networks, a million objects.

    A full collection took 0.2 seconds at the end of a run, and there are thousands.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def c_in_half_the_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile without optimizing, but in the tests of C, and in a campaign.

    Elsewhere C is one backend of many: its numbers are the same, and a compiler takes half of the time.
    """
    of_c = "codegen" in request.path.parts or request.path.name == "test_packaging.py"  # which compares the options
    quickly = not of_c and settings().max_examples == USUAL_EXAMPLES
    if quickly:
        FLAGS.append("-O0")  # of several levels, the last one counts
    yield
    if quickly:
        FLAGS.remove("-O0")


@pytest.fixture(autouse=True)
def operations_of_a_test_end_with_it() -> Iterator[None]:
    """Remove the operations that a test added."""
    before = set(TABLE)
    yield
    for name in set(TABLE) - before:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)


@pytest.fixture
def empty_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return the current folder and that of temporary files, of which this test has its own."""
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    for folder in (here, temporary):
        folder.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return here, temporary


@pytest.fixture(autouse=True)
def nothing_stays_set_in_the_context() -> Iterator[None]:
    """Notice a test after which models are still in training, or draw from what a recording has given them."""
    yield
    assert training_here() is None
    assert draws._source.get() is draws._by_module_random


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start one browser for all tests of a process."""
    if absent := missing():
        lacking(f"{' and '.join(absent)} not installed")
    with Browser() as browser:
        browser.screen(1280, 900)
        yield browser


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Name each backend that promises the bits of the graph."""
    name: str = request.param
    need_backend(name)
    return name


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Switch the garbage collector off: what dies then dies by its reference count."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
