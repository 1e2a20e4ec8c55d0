"""Run Python in the root of the repository, for project files in its folders.

python at_root.py -m MODULE ARGUMENTS …
python at_root.py SCRIPT ARGUMENTS …
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """RETURNS (int): Exit status of the module or script."""
    return subprocess.run([sys.executable, *sys.argv[1:]], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
