"""Build the wheel, install it without its source tree, and run the tests against the installed copy."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """RETURNS (int): Exit status of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        run("-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, str(ROOT), cwd=folder)
        (wheel,) = Path(folder).glob("*.whl")
        # The rest of the project, without the package: what is imported must be the wheel's.
        for part in ("tests", "configs", "assets", "benchmarks", "projects", "scripts", "setup.cfg", "project.yml"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, Path(folder) / part)
        try:
            run("-m", "pip", "install", "--no-deps", "--force-reinstall", str(wheel), cwd=folder)
            return subprocess.run([sys.executable, "-m", "pytest", "-c", "setup.cfg"], cwd=folder).returncode
        finally:
            run("-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT), cwd=folder)


def run(*arguments: str, cwd: str) -> None:
    """Run Python quietly. RAISES (subprocess.CalledProcessError): If it fails."""
    subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
