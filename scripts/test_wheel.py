"""Build the wheel, install it without its source tree, and run the tests against the installed copy.

Options are those of pytest: `python scripts/test_wheel.py -n 2`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    *("tests", "configs", "assets", "benchmarks", "docs", "notebooks", "projects", "scripts"),
    *("README.md", "setup.cfg", "project.yml"),
)
# Tests that read no file of the package, or only such files as others read, too.
IGNORED = ("bulk", "labelling", "llm", "nn", "serving")


def main() -> int:
    """RETURNS (int): The exit status of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        run("-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, str(ROOT), cwd=folder)
        (wheel,) = Path(folder).glob("*.whl")
        # Copy the project without the package, so that the tests import the package from the wheel.
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        try:
            run("-m", "pip", "install", "--no-deps", "--force-reinstall", str(wheel), cwd=folder)
            ignored = (f"--ignore=tests/{name}" for name in IGNORED)
            tests = [sys.executable, "-m", "pytest", "-c", "setup.cfg", *ignored, *sys.argv[1:]]
            return subprocess.run(tests, cwd=folder).returncode
        finally:
            run("-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT), cwd=folder)


def run(*arguments: str, cwd: str) -> None:
    """Run Python quietly. RAISES (subprocess.CalledProcessError): If it fails."""
    subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
