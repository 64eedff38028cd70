"""Files are written whole or not at all, by every function that writes one; devices and pipes are written to."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import stat
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupts import interrupted
from needs import need_root

import autograd
from autograd import Value, draw, explore, nn, to_spreadsheet
from autograd.files import read_at_most, write_whole


def loss() -> Value:
    x, w = Value(0.5, "x"), Value(-2.0, "w")
    return (x * w).tanh()


WRITERS: dict[str, tuple[str, bytes, Callable[[Path], object]]] = {  # suffix, how the file begins, writer
    "save": (".json", b"{", lambda path: nn.Neuron(1).save(path)),
    "explore": (".html", b"<!DOCTYPE html>", lambda path: explore(loss(), path, names={})),
    "to_spreadsheet": (".xlsx", b"PK", lambda path: to_spreadsheet(loss(), path, names={})),
    "render": (".svg", b"<?xml", lambda path: draw(loss(), names={}).render(path)),
    "write": (".py", b"", lambda path: autograd.compile(loss(), []).write(path)),
}


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_path_may_be_bytes(writer: str, tmp_path: Path) -> None:
    """As `os.listdir(b".")` gives them, and `open` takes them."""
    suffix, begins, write = WRITERS[writer]
    path: Any = os.fsencode(tmp_path / f"größe{suffix}")
    write(path)
    assert (tmp_path / f"größe{suffix}").read_bytes().startswith(begins)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_path_of_bytes_is_viewed_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphviz.view", lambda path, quiet: None)
    drawing = draw(loss(), names={})
    for path, written in ((b"loss.svg", drawing.view), (b"loss.gv", drawing.save)):
        written(os.fsencode(tmp_path / os.fsdecode(path)))
        assert (tmp_path / os.fsdecode(path)).exists()


def test_a_device_is_written_to(writer: str, tmp_path: Path) -> None:
    suffix, _, write = WRITERS[writer]
    device = tmp_path / f"null{suffix}"
    need_root()
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # what /dev/null is, which a mistake may replace
    for path in (device, tmp_path / f"link{suffix}"):
        if path != device:
            path.symlink_to(device)
        write(path)
        assert stat.S_ISCHR(device.stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_pipe_is_written_to(writer: str, tmp_path: Path) -> None:
    suffix, begins, write = WRITERS[writer]
    pipe, received = tmp_path / f"pipe{suffix}", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(timeout=60)
    assert received and received[0].startswith(begins) and len(received[0]) > 20
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == [pipe.name]


def test_a_read_only_file_is_refused_even_to_root(writer: str, tmp_path: Path) -> None:
    suffix, _, write = WRITERS[writer]
    path, link = tmp_path / f"kept{suffix}", tmp_path / f"link{suffix}"
    path.write_text("old")
    path.chmod(0o444)
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(PermissionError, match=rf"cannot write .*{name.name}: it is read-only; make it writable"):
            write(name)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_may_be_as_long_as_names_get(writer: str, tmp_path: Path) -> None:
    suffix, begins, write = WRITERS[writer]
    path = tmp_path / ("n" * (255 - len(suffix)) + suffix)
    for _ in range(2):  # new, then replaced
        write(path)
        assert path.read_bytes().startswith(begins)
        assert os.listdir(tmp_path) == [path.name]


def test_links_stay_and_what_they_name_is_replaced_with_its_mode(writer: str, tmp_path: Path) -> None:
    suffix, begins, write = WRITERS[writer]
    folder, link = tmp_path / "folder", tmp_path / f"link{suffix}"
    folder.mkdir()
    link.symlink_to(f"folder/new{suffix}")
    write(link)  # it named nothing yet
    (path,) = folder.iterdir()
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader:
        write(link)
        assert reader.read() == "old"
    assert link.is_symlink() and path.read_bytes().startswith(begins)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(folder.iterdir()) == [path]


READERS: dict[str, Callable[[Any], object]] = {
    "load": nn.Neuron(1).load,
    "nn.load": nn.load,
    "save of a drawing": lambda path: draw(loss(), names={}).save(path),
    "view": lambda path: draw(loss(), names={}).view(path),
}


@pytest.mark.parametrize("use", [*(write for _, _, write in WRITERS.values()), *READERS.values()])
def test_what_is_no_path_is_refused(use: Callable[[Any], object], tmp_path: Path) -> None:
    """Python would take an integer for an open file: 0 is the standard input."""
    with (tmp_path / "open.txt").open("w") as file:
        for path in (0, True, 0.5, [loss()], file):
            with pytest.raises(
                TypeError, match=r"^path is the name of a file, as text or as a pathlib\.Path, got "
            ) as problem:
                use(path)
        assert "pass its name, '" in str(problem.value) and "open.txt" in str(problem.value)
    assert [path.name for path in tmp_path.iterdir()] == ["open.txt"]


def test_an_empty_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="cannot write to an empty path: name a file"):
        write_whole("", "new")


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to("circle")
    with pytest.raises(OSError, match="its links lead in a circle"):
        write_whole(circle, "new")
    assert circle.is_symlink()


def test_folders_are_refused(writer: str, tmp_path: Path) -> None:
    suffix, _, write = WRITERS[writer]
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder, name a file in it"):
        write(folder)
    if writer != "render":  # graphviz makes the folder
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*make it first"):
            write(tmp_path / "none" / f"x{suffix}")
    assert not list(folder.iterdir())


def test_a_file_of_another_user_stays_theirs(tmp_path: Path) -> None:
    need_root()
    path = tmp_path / "theirs"
    path.write_text("old")
    os.chown(path, 1234, 1235)
    path.chmod(0o2750)
    write_whole(path, "new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 1235, 0o2750)


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="Unix")
@pytest.mark.parametrize("through", ["pipe", "file"])
def test_standard_output_gets_the_content_between_what_is_printed(through: str, tmp_path: Path) -> None:
    script = (
        "from autograd.files import read_at_most, write_whole\n"
        "print('before', flush=True); write_whole('/dev/stdout', 'content\\n'); write_whole('/dev/fd/1', 'more\\n')\n"
        "print('after')"
    )
    file = tmp_path / "out"
    if through == "pipe":
        found = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    else:
        with file.open("ab") as out:
            subprocess.run([sys.executable, "-c", script], stdout=out, check=True, timeout=60)
        found = file.read_bytes()
    assert found.decode().split() == ["before", "content", "more", "after"]
    assert os.listdir(tmp_path) == ["out"] * (through == "file")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # between open() and its with
def test_ctrl_c_at_any_time_leaves_a_whole_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for unnamed in (True, False):
        with contextlib.ExitStack() as stack:
            if not unnamed:
                patch = stack.enter_context(pytest.MonkeyPatch.context())
                patch.delattr(os, "O_TMPFILE", raising=False)
            for at in itertools.count(1, 7):
                path.write_text("old")
                over = not interrupted(functools.partial(write_whole, path, "new"), at)
                assert path.read_text() in ("old", "new")
                assert os.listdir(tmp_path) == ["file"]
                if over:
                    break
            assert path.read_text() == "new"


@pytest.mark.parametrize("failing", ["link", "open"])
def test_file_systems_without_unnamed_files(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    works = getattr(os, failing)

    def fails(path: object, flags: Any = 0, *others: Any, **options: Any) -> Any:
        if failing == "link" or flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError("not on this file system")
        return works(path, flags, *others, **options)

    monkeypatch.setattr(os, failing, fails)
    write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("unnamed", [True, False])
def test_new_content_of_a_private_file_is_private_from_the_start(
    unnamed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not unnamed:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path, modes = tmp_path / "private", list[int]()
    path.write_text("old")
    path.chmod(0o600)
    copymode = shutil.copymode

    def noted(source: Path, target: Path) -> None:
        modes.append(stat.S_IMODE(target.stat().st_mode))
        copymode(source, target)

    monkeypatch.setattr(shutil, "copymode", noted)
    write_whole(path, "new")
    assert modes == [0o600]
    path.chmod(0o644)
    write_whole(path, "newer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_picture_leaves_a_dot_file_of_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "loss.gv").write_text("mine")
    (tmp_path / "loss.svg").write_text("old")
    draw(loss(), names={}).render(tmp_path / "loss.svg")
    assert (tmp_path / "loss.gv").read_text() == "mine"
    assert (tmp_path / "loss.svg").read_bytes().startswith(b"<?xml")


# ------------------------------------------------------------------------------------------------------------- reading


def test_reading_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    """Not a buffer as large as the limit."""
    path = tmp_path / "small"
    path.write_bytes(b"content")
    tracemalloc.start()
    assert read_at_most(path, 2**26) == (7, b"content")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("size_when_opened", [0, 5, 8])
def test_a_file_that_grows_while_it_is_read(
    size_when_opened: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"12345678")
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result([0, 0, 0, 0, 0, 0, size_when_opened, 0, 0, 0]))
    assert read_at_most(path, 8) == (8, b"12345678")
    path.write_bytes(b"123456789 and on")
    assert read_at_most(path, 8)[0] == 9
    assert len(read_at_most(path, 8)[1]) <= 9


def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).mkdir()
    (tmp_path / f"{name}.json").write_text("damaged")
    model = nn.Neuron(1)
    for call, error in (
        (lambda: model.load(tmp_path / f"{name}.json"), ValueError),
        (lambda: model.save(tmp_path / name), IsADirectoryError),
        (lambda: model.save(tmp_path / name / "missing" / "a.json"), FileNotFoundError),
        (lambda: autograd.explore(Value(1.0).tanh(), tmp_path / name / "missing" / "a.html"), FileNotFoundError),
    ):
        with pytest.raises(error) as caught:
            call()
        assert "caf\\udce9" in str(caught.value)
        str(caught.value).encode()


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="the system has no /dev/stdout")
def test_what_goes_to_standard_output_stands_between_what_is_printed_before_and_after(tmp_path: Path) -> None:
    program = """if 1:
        import autograd
        from autograd import Value, nn
        print("before")
        nn.Neuron(1, weights=[0.5]).save("/dev/stdout")
        print("after")
    """
    for mode in ("wb", "ab"):
        with open(tmp_path / "shown", mode) as stream:
            subprocess.run([sys.executable, "-c", program], check=True, stdout=stream)
    piped = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    shown = (tmp_path / "shown").read_text()
    assert shown == 2 * piped.stdout.decode()
    assert shown.startswith('before\n{\n "format"')
    assert shown.endswith("}\nafter\n")


@pytest.mark.parametrize("writer", [
    lambda path: nn.Neuron(1).save(path),
    lambda path: draw(loss()).render(outfile=path),
    lambda path: draw(loss()).render(path),
])  # fmt: skip
def test_links_in_a_circle_are_refused(writer: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "a.svg").symlink_to("b.svg")
    (tmp_path / "b.svg").symlink_to("a.svg")
    with pytest.raises(OSError, match="links lead in a circle"):
        writer(tmp_path / "a.svg")
