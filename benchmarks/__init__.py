"""The project's figures, measured on a real cluster with a real gateway and a real model server. See README.md."""

import sys
from pathlib import Path

# operator/ is a plain source root: pytest knows it from its settings, and `python -m benchmarks` from here.
sys.path.append(str(Path(__file__).resolve().parents[1] / "operator"))
