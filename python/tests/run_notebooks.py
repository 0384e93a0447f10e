"""Executes the notebooks of docs/notebooks; with --first-cell prints the first cell of the first look instead."""

import json
import sys
import time
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


def first_cell() -> str:
    cells = json.loads((NOTEBOOKS / "first_look.ipynb").read_text())["cells"]
    return "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))


def main() -> None:
    if "--first-cell" in sys.argv:
        print(first_cell())
        return
    import nbformat
    from nbclient import NotebookClient

    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert len(paths) >= 3, paths
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        kept = [cell for cell in notebook.cells if cell.get("outputs")]
        assert not kept, f"{path.name} is kept with {len(kept)} outputs; clear them"
        start = time.monotonic()
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
        print(f"{path.name}: {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
