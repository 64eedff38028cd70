"""Make docs/images/spreadsheet.png and spreadsheet-training.png: the spreadsheets of the articles' neurons.

`python tests/make_sheet_picture.py [folder]`. Needs the programs soffice (apt install libreoffice-calc) and pdftoppm
(apt install poppler-utils), and the extra `sheet`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from autograd import Value, to_spreadsheet
from autograd.nn import Neuron

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def neuron_loss(input: float, weight: float, bias: float, target: Value | float) -> tuple[Value, Neuron]:
    """The articles' neuron and its loss, with their names."""
    neuron = Neuron(1, activation="tanh", weights=[weight], bias=bias)
    output = neuron(Value(input, "input"))
    (net,) = output.args
    assert isinstance(net, Value)
    error = output - target
    loss: Value = error**2 / 2
    neuron.w[0].label, neuron.b.label = "weight", "bias"
    net.label, output.label, error.label, loss.label = "net", "output", "error", "loss"
    return loss, neuron


def take(sheet: Path, page: int, height: int, picture: Path) -> None:
    """Print the spreadsheet to PDF, and one page of that to a picture without its margins."""
    profile = f"-env:UserInstallation={(sheet.parent / 'profile').as_uri()}"
    convert = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(sheet.parent), str(sheet)]
    subprocess.run(convert, check=True, capture_output=True, timeout=120)
    crop = ["-x", "70", "-y", "75", "-W", "1070", "-H", str(height)]
    printed = str(sheet.with_suffix(".pdf"))
    command = ["pdftoppm", "-r", "110", "-png", *crop, "-f", str(page), "-singlefile", printed]
    subprocess.run([*command, str(picture.with_suffix(""))], check=True, timeout=120)
    print("wrote", picture)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        loss, _ = neuron_loss(0.4, 0.5, 0.6, 0.7)
        gradients = to_spreadsheet(loss, Path(name, "gradients.xlsx"))
        take(gradients, 1, 265, folder / "spreadsheet.png")
        loss, neuron = neuron_loss(0.01, 0.5, 0.5, Value(0.1, "target"))
        training = to_spreadsheet(loss, Path(name, "training.xlsx"), train=neuron.parameters(), attempts=24)
        take(training, 2, 270, folder / "spreadsheet-training.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
