"""Check that links between Markdown files lead to files and headings that exist.

python scripts/check_links.py README.md docs
"""

import re
import sys
from pathlib import Path
from typing import Iterator, Set

from wasabi import msg

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def main(paths: list) -> None:
    """Print links that lead nowhere; exit with 1 if there are some."""
    files = [file for path in map(Path, paths) for file in (sorted(path.rglob("*.md")) if path.is_dir() else [path])]
    broken = [f"{file}: {link}" for file in files for link in broken_links(file)]
    for line in broken:
        msg.fail(line)
    if broken:
        sys.exit(1)
    msg.good(f"{len(files)} files, all links between them lead somewhere")


def broken_links(file: Path) -> Iterator[str]:
    """YIELDS (str): Links of a file to files or headings that do not exist. Addresses of the web are not followed."""
    for link in LINK.findall(CODE.sub("", file.read_text(encoding="utf8"))):
        target, _, heading = link.partition("#")
        path = file.parent / target if target else file
        if "://" in link or link.startswith("mailto:"):
            continue
        if not path.exists() or (heading and path.suffix == ".md" and heading not in headings(path)):
            yield link


def headings(file: Path) -> Set[str]:
    """RETURNS (Set[str]): The headings of a file, as GitHub writes them in links."""
    titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


if __name__ == "__main__":
    main(sys.argv[1:])
