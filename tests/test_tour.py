"""Test the tour, `python -m autograd`: with and without Graphviz, on a terminal and in a pipe."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from cases import cases
from terminals import printed_in, printed_on_terminal

import autograd.__main__
from autograd import GraphvizNotFound, __version__
from autograd.__main__ import ATTEMPTS, QUICK_ITERATIONS, main
from autograd.views import draw as drawing

README = Path(__file__).parent.parent / "README.md"


def tour(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GraphvizNotFound("no Graphviz here")

    monkeypatch.setattr(drawing.Drawing, "pipe", refuse)


@pytest.fixture(scope="module")
def whole_tour(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The tour as a user starts it, in an empty folder."""
    command = [sys.executable, "-m", "autograd"]
    return subprocess.run(command, cwd=tmp_path_factory.mktemp("tour"), capture_output=True, text=True, check=False)


def test_the_whole_tour(whole_tour: subprocess.CompletedProcess[str]) -> None:
    out = whole_tour.stdout
    assert whole_tour.returncode == 0, whole_tour.stderr
    lines = [line.split() for line in out.splitlines()]
    for row in (
        "value 0.4 0.5 0.6 0.8 0.664 -0.035963 0.0006467",
        "local gradient 0.5 0.4 1 0.5591 -0.036",
        "global gradient -0.0101 -0.0080 -0.0201 -0.0201 -0.0360",
        "faux gradient -0.0100 -0.0080 -0.0201 -0.0201 -0.0359",
        "Weight gradient: -0.0080",
        "Bias gradient: -0.0201",
        "Trained output: 0.1000000000000007",
    ):
        assert row.split() in lines
    attempts = {row[0].replace(",", ""): row for row in lines if len(row) == 9 and row[0].replace(",", "").isdigit()}
    assert list(attempts) == ["1", "10", "100", "1000"]
    assert attempts["1"][6] == "0.4660403"
    assert attempts["1"][8] == "0.0669928"
    assert attempts["10"][6] == "0.2840334"
    assert attempts["100"][6] == "0.1000194"
    assert (attempts["1000"][1], attempts["1000"][3]) == ("0.4959538", "0.0953758")
    bars = re.findall(r"The error falls: (\S+)", out)[0]
    assert list(bars) == sorted(bars, reverse=True)
    assert (bars[0], bars[-1]) == ("█", "▁")
    assert whole_tour.stderr == ""
    assert len(out.splitlines()) < 60


def test_the_tour_says_why_the_article_has_another_local_gradient_of_the_output(
    whole_tour: subprocess.CompletedProcess[str],
) -> None:
    table, _, steps = whole_tour.stdout.partition("Weight gradient")
    assert re.search("^local gradient.* -0.036$", table, re.MULTILINE)
    assert "d loss/d output = 1 × d loss/d error = 1 × -0.036 = -0.036" in steps
    reason = " ".join(table.split())
    assert "The article files -0.036 under output: it is the local gradient of the loss on the error." in reason
    assert "That of the error on the output is 1, as in the steps below" in reason


def test_the_readme_shows_what_the_tour_prints(whole_tour: subprocess.CompletedProcess[str]) -> None:
    blocks = re.findall("^```text\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        assert block in whole_tour.stdout


def test_rows_shows_every_attempt(capsys: pytest.CaptureFixture[str], no_graphviz: None) -> None:
    _, out, _ = tour(capsys, "--rows", "--quick")
    assert len(re.findall(r"^ +[\d,]+  0\.4", out, re.MULTILINE)) == ATTEMPTS - 1  # the first has 0.5


def test_the_tour_explains_the_loss(capsys: pytest.CaptureFixture[str], no_graphviz: None) -> None:
    _, out, _ = tour(capsys, "--quick")
    assert "d loss/d weight = input × d loss/d net = 0.4 × -0.0201 = -0.008\n  after net, which uses it" in out


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_the_tour_in_the_encodings_of_consoles(encoding: str, tmp_path: Path) -> None:
    folder = tmp_path / "größe →"
    folder.mkdir()
    out, err = printed_in(encoding, "-m", "autograd", "--quick", cwd=folder)
    times = "×" if encoding == "cp1252" else "*"
    assert f"d loss/d weight = input {times} d loss/d net = 0.4 {times} -0.0201 = -0.008" in out
    assert str(folder).encode(encoding, "backslashreplace").decode(encoding) in out
    assert err == ""
    assert len(list(folder.iterdir())) == 2


def test_the_tour_without_a_locale(tmp_path: Path) -> None:
    settings = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    out, _ = printed_in("", "-m", "autograd", "--quick", cwd=tmp_path, **settings)
    assert "0.4 * -0.0201 = -0.008" in out
    assert len(ET.parse(tmp_path / "neuron.svg").findall(".//{*}g[@class='node']")) == 12


@pytest.mark.parametrize("columns", cases([60], campaign=[100, 80]))
def test_the_tour_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    shown = printed_on_terminal(columns, "-m", "autograd", "--quick", cwd=tmp_path)
    lines = [line for line in re.sub(r"\033\[\d*m", "", shown).splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= columns
    first_table = shown.partition("value")[2].partition("local:")[0]
    assert ("\n\n" in first_table.strip()) == (columns < 80)  # in two parts


COLOUR = "\033[1m1. Gradients for a single neuron\033[0m"


@pytest.mark.slice(most=2)
@pytest.mark.parametrize(
    ("settings", "coloured"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=repr,
)
def test_colours_only_where_they_are_wanted(settings: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    shown = printed_on_terminal(80, "-m", "autograd", "--quick", cwd=tmp_path, **settings)
    assert (COLOUR in shown) == ("\033" in shown) == coloured


def test_no_colours_in_a_pipe(whole_tour: subprocess.CompletedProcess[str]) -> None:
    assert "\033" not in whole_tour.stdout


def test_the_tour_overwrites_its_own_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for _ in range(2):
        status, _, _ = tour(capsys, "--quick", "--output", str(tmp_path))
        assert status == 0


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("name", ["neuron.svg", "neuron.html"])
@pytest.mark.parametrize(
    "change",
    cases(
        [lambda own: own.replace(b"net", b"sum", 1)],
        campaign=[lambda own: b"<svg/>", lambda own: own + b"\n", lambda _: b""],
    ),
)
def test_the_tour_overwrites_no_other_file(
    name: str, change: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tour(capsys, "--quick", "--output", str(tmp_path))
    file = tmp_path / name
    file.write_bytes(change(file.read_bytes()))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / ("neuron.html" if name == "neuron.svg" else "neuron.svg")).unlink()  # the other one is written anew
    status, out, err = tour(capsys, "--quick", "--output", str(tmp_path))
    assert status == 1
    assert f"is not written: {file} is another's file" in " ".join(err.split())
    assert "--output" in err
    assert "Trained output" in out
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_another_file_of_the_same_name_does_not_end_the_tour(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("neuron.svg").write_text("<svg/>")
    status, out, err = tour(capsys, "--quick")
    assert (status, err) == (0, "")  # nobody has asked for the file
    assert "Trained output" in out
    assert "neuron.svg is another's file" in out.partition("3. The graph")[2]
    assert Path("neuron.svg").read_text() == "<svg/>"
    assert Path("neuron.html").exists()


@pytest.mark.parametrize(
    ("native", "said"),
    [(True, "engine: the native core, in C"), (False, "engine: in Python. The native core is not used: it is asleep")],
)
def test_the_version_and_the_engine(
    native: bool, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autograd.__main__, "NATIVE", native)
    monkeypatch.setattr(autograd.__main__, "reason", "it is asleep")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"scalar-autograd {__version__}", said]


def test_quick_trains_less_and_says_so(capsys: pytest.CaptureFixture[str], no_graphviz: None) -> None:
    status, out, _ = tour(capsys, "--quick")
    assert status == 0
    assert f"{QUICK_ITERATIONS:,} iterations" in out
    assert "Trained output: 0.10002704999527906" in out  # the article's checkpoint for iteration 1,000


def test_without_graphviz_everything_but_the_picture(
    capsys: pytest.CaptureFixture[str], no_graphviz: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = tour(capsys, "--quick")
    assert status == 0
    assert "no Graphviz here" in out
    assert "Weight gradient: -0.0080" in out
    assert list(tmp_path.iterdir()) == []


def test_the_picture_goes_where_output_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for asked, found in (
        (tmp_path / "a.svg", tmp_path / "a.svg"),
        (tmp_path / "new" / "b.svg", tmp_path / "new" / "b.svg"),
        (tmp_path, tmp_path / "neuron.svg"),
    ):
        status, out, _ = tour(capsys, "--quick", "--output", str(asked))
        assert status == 0
        assert str(found) in out
        assert len(ET.parse(found).findall(".//{*}g[@class='node']")) == 12  # 9 values, 3 constants
        page = found.with_suffix(".html")
        assert f"python -m webbrowser -t {page.as_uri()}" in out
        assert "default-src 'none'" in page.read_text(encoding="utf-8")


def test_the_page_does_not_take_the_place_of_the_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tour(capsys, "--quick", "--output", str(tmp_path / "neuron.html"))
    assert ET.parse(tmp_path / "neuron.html").getroot().tag.endswith("svg")
    assert (tmp_path / "neuron.page.html").exists()


def test_an_output_that_cannot_be_written_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing.Drawing, "pipe", lambda *_, **__: b"<svg/>")
    (tmp_path / "file").write_text("")
    status, out, err = tour(capsys, "--quick", "--output", str(tmp_path / "file" / "x.svg"))
    assert status == 1
    assert "--output" in err
    assert "Traceback" not in err
    assert "Trained output" in out


def test_a_folder_that_cannot_be_written_does_not_end_the_tour(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autograd.__main__.write_whole", refuse)
    status, out, err = tour(capsys, "--quick")
    assert (status, err) == (0, "")
    said = "cannot write neuron.svg: No space left on device. Choose another file with --output."
    assert said in " ".join(out.split())


def test_help_explains(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for option in ("--rows", "--quick", "--output", "--version"):
        assert option in out
