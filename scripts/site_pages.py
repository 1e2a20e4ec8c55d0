"""Pages of the site that are generated: the start page, commands, messages, names and the API (a hook of MkDocs)."""

import ast
import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any, Dict, List

from mkdocs.structure.files import File, Files

from spacy_lowner.errors import Errors, Warnings

ROOT = Path(__file__).resolve().parent.parent
HELP = ROOT / "tests" / "cli" / "golden"
# A link of Markdown: its text and its target.
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {
        "index.md": start_page(),
        "reference/commands.md": commands_page(),
        "reference/messages.md": messages_page(),
        "reference/names.md": names_page(),
        **api_pages(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links to files of the repository that are no pages into code."""

    def keep(match: "re.Match[str]") -> str:
        text, target = match.groups()
        outside = (Path(config["docs_dir"]) / page.file.src_uri).parent / target.partition("#")[0]
        if "://" in target or target.startswith("#") or Path(config["docs_dir"]) in outside.resolve().parents:
            return match.group()
        return text if text.startswith("`") else f"{text} (`{outside.resolve().relative_to(ROOT)}`)"

    return LINK.sub(keep, markdown)


def start_page() -> str:
    """RETURNS (str): The README, whose links are those of the folder of pages."""
    text = (ROOT / "README.md").read_text(encoding="utf8")
    return text.replace("](docs/", "](").replace("](CHANGELOG.md)", "](../CHANGELOG.md)")


def commands_page() -> str:
    """RETURNS (str): The help of all commands, from the files that the tests compare with the commands."""
    parts = ["# Commands", "", "All commands start with `python -m spacy lowner`. This page is their `--help`.", ""]
    for file in sorted(HELP.glob("help-*.txt")):
        text = file.read_text(encoding="utf8").replace("(exit status 0)", "").rstrip()
        parts += [f"## {file.stem.removeprefix('help-')}", "", "```text", text, "```", ""]
    return "\n".join(parts)


def messages_page() -> str:
    """RETURNS (str): All codes with their messages."""
    rows = [*_messages(Errors), *_messages(Warnings)]
    table = "\n".join(f"| `{code}` | {text} |" for code, text in sorted(rows))
    intro = (
        "A message says what happened, where, and how to fix it. Words in braces are filled in; words in angle "
        "brackets are settings, which commands show as options."
    )
    return f"# Error codes\n\n{intro}\n\n| code | message |\n| --- | --- |\n{table}\n"


def _messages(messages: Any) -> List[tuple]:
    found: Dict[str, Any] = {name: getattr(messages, name) for name in dir(messages) if re.fullmatch(r"LN\d+", name)}
    escapes = str.maketrans({sign: f"\\{sign}" for sign in "|*_`["} | {"<": "&lt;", ">": "&gt;", "\n": " "})
    return [(code, str(text).translate(escapes)) for code, text in found.items()]


def names_page() -> str:
    """RETURNS (str): The names that configs can use, from the entry points of the package."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    parts = ["# Registered names", "", "Names for configs, by registry of spaCy.", ""]
    for registry, lines in setup["options.entry_points"].items():
        parts += [f"## {registry}", "", "| name | function |", "| --- | --- |"]
        for line in lines.strip().splitlines():
            name, _, target = line.partition("=")
            parts.append(f"| `{name.strip()}` | `{target.strip().replace(':', '.')}` |")
        parts.append("")
    return "\n".join(parts)


def api_pages() -> Dict[str, str]:
    """RETURNS (Dict[str, str]): A page for each package: its public names, whose docstrings mkdocstrings fills in."""
    pages = {}
    for stub in sorted((ROOT / "spacy_lowner").glob("*/__init__.pyi")):
        package = f"spacy_lowner.{stub.parent.name}"
        summary = ast.get_docstring(ast.parse(stub.with_suffix(".py").read_text(encoding="utf8")))
        imports = [node for node in ast.parse(stub.read_text(encoding="utf8")).body if isinstance(node, ast.ImportFrom)]
        names = sorted(name.name for node in imports for name in node.names)
        # A pipe has most of its methods from its base classes.
        options = "\n    options: {inherited_members: true}" if stub.parent.name == "pipeline" else ""
        parts = [f"# {package}", summary or "", *(f"::: {package}.{name}{options}" for name in names)]
        pages[f"reference/{stub.parent.name}.md"] = "\n\n".join(parts)
    return pages
