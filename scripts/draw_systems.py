"""Draw the pictures of docs/systems.md and README as SVG, in docs/images.

    python scripts/draw_systems.py docs/images

The spans of the README's picture are predicted by the open source, so the picture shows real scores.
"""

import sys
from html import escape
from pathlib import Path
from typing import List, Sequence, Tuple

from spacy.tokens import Doc

from spacy_lowner.source import open_pipeline

INK, PAPER, LINE = "#1f2933", "#ffffff", "#7b8794"
BLUE, GREEN, YELLOW, RED, GREY = "#cfe3fa", "#cdeed8", "#fdf0c4", "#fbd5d5", "#eceff3"
LETTER, LEADING = 7.3, 18


class Drawing:
    """An SVG with boxes, texts and arrows, on paper of its own, so that it can be read on dark pages.

    width (int): Width in pixels.
    height (int): Height in pixels.
    title (str): What the picture shows, for readers who cannot see it.
    """

    def __init__(self, width: int, height: int, title: str):
        self.size, self.title, self.parts = (width, height), title, []  # type: ignore[var-annotated]

    def text(self, x: float, y: float, text: str, *, anchor: str = "middle", style: str = "") -> None:
        """Write a line of text, whose middle, start or end is at x."""
        self.parts.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}" {style}>{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, lines: Sequence[str], color: str = GREY) -> Tuple[float, float]:
        """Draw a box of centred lines. RETURNS (Tuple[float, float]): Its right edge and its vertical middle."""
        height = LEADING * len(lines) + 14
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{color}" stroke="{LINE}"/>'
        )
        for number, line in enumerate(lines):
            self.text(x + width / 2, y + 20 + LEADING * number, line)
        return x + width, y + height / 2

    def arrow(self, start: Tuple[float, float], end: Tuple[float, float]) -> None:
        """Draw an arrow."""
        (x1, y1), (x2, y2) = start, end
        self.parts.append(
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{LINE}" stroke-width="1.6" marker-end="url(#tip)"/>'
        )

    def write(self, path: Path) -> None:
        """Write the file."""
        width, height = self.size
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, '
            f'sans-serif" font-size="14" fill="{INK}">\n<title>{escape(self.title)}</title>\n'
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{LINE}"/></marker></defs>\n'
            f'<rect width="{width}" height="{height}" rx="10" fill="{PAPER}"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n",
            encoding="utf8",
        )


def knowfree() -> Drawing:
    """The span model: words, a table of all spans, scores of types."""
    drawing = Drawing(760, 250, "KnowFREE: every span of a sentence gets a score for every type")
    words = ["University", "of", "Oslo", "opened"]
    for row, word in enumerate(words):
        drawing.text(110, 77 + 34 * row, word, anchor="end")
        for column in range(row, len(words)):
            color = {(0, 2): GREEN, (2, 2): BLUE}.get((row, column), PAPER)
            drawing.parts.append(
                f'<rect x="{130 + 62 * column}" y="{56 + 34 * row}" width="60" height="32" fill="{color}" '
                f'stroke="{LINE}"/>'
            )
    for column, word in enumerate(words):
        drawing.text(160 + 62 * column, 46, word, style='font-size="12"')
    drawing.text(254, 218, "first word (rows) and last word (columns) of each span", style='font-size="12"')
    drawing.arrow((388, 120), (430, 120))
    _, middle = drawing.box(436, 44, 150, ["local attention:", "a span sees spans", "with the same start"], YELLOW)
    drawing.arrow((586, middle), (618, middle))
    drawing.box(624, 44, 122, ["biaffine score", "+ similarity", "to descriptions"], YELLOW)
    drawing.arrow((685, 114), (685, 140))
    drawing.box(436, 146, 310, ["University of Oslo → organisation 0.94", "Oslo → location 0.81"], GREEN)
    return drawing


def contrast() -> Drawing:
    """Prompts, contrastive training and a vote of the neighbours."""
    drawing = Drawing(760, 260, "ContrastNER: the state of [MASK] in a prompt is compared with labelled examples")
    right, middle = drawing.box(20, 30, 330, ["Jobs left Rome [h1] … [h8]", "Rome is a [MASK] entity."], BLUE)
    drawing.text(185, 98, "h1 … h8: trained vectors; one prompt per word", style='font-size="12"')
    drawing.arrow((right, middle), (right + 34, middle))
    drawing.box(390, 30, 90, ["encoder"], YELLOW)
    drawing.arrow((480, 46), (512, 46))
    drawing.text(600, 51, "state of [MASK]")
    drawing.arrow((600, 60), (600, 106))
    drawing.parts.append(f'<circle cx="600" cy="170" r="62" fill="{GREY}" stroke="{LINE}"/>')
    for x, y, color in [(575, 150, GREEN), (590, 190, GREEN), (618, 140, GREEN), (632, 182, RED), (560, 178, GREEN)]:
        drawing.parts.append(f'<circle cx="{x}" cy="{y}" r="7" fill="{color}" stroke="{INK}"/>')
    drawing.parts.append(f'<path d="M600 158 l8 8 l-8 8 l-8 -8 z" fill="{INK}"/>')
    drawing.text(600, 250, "labelled examples vote: location 0.9", style='font-size="12"')
    drawing.box(
        20, 140, 440, ["training pulls states of the same type together", "and pushes others apart (eq. 2)"], GREY
    )
    drawing.text(240, 218, "a new type needs examples, and no training", style='font-size="12"')
    return drawing


def factmix() -> Drawing:
    """Two kinds of new examples, and the filter."""
    drawing = Drawing(760, 230, "FactMix: new training examples by masked words and by other entities")
    right, middle = drawing.box(20, 88, 210, ["[Marie Curie]person", "lived in [Paris]location"], BLUE)
    upper = drawing.box(290, 24, 230, ["context: lived → worked", "by a masked language model"], YELLOW)
    lower = drawing.box(290, 146, 230, ["entity: Paris → Oslo", "another mention of its type"], YELLOW)
    for _, y in (upper, lower):
        drawing.arrow((right, middle), (286, y))
        drawing.arrow((520, y), (566, 114))
    drawing.box(570, 79, 170, ["a trained pipeline", "predicts the labels?", "yes: keep, no: drop"], GREEN)
    return drawing


def reasoning() -> Drawing:
    """Measure confusion, let a language model give reasons, and read them."""
    drawing = Drawing(760, 210, "MCQM and PBRC: confused types are measured, and a language model gives reasons")
    right, middle = drawing.box(
        16, 60, 205, ["MCQM: types that are", "confused, by dev, meaning", "and hierarchy"], BLUE
    )
    drawing.text(118, 152, "person → politician", style='font-size="12"')
    drawing.arrow((right, middle), (right + 30, middle))
    right, middle = drawing.box(
        256,
        51,
        240,
        ["language model:", "“Obama is a politician, because", "he was president; not a person", "without an office”"],
        YELLOW,
    )
    drawing.arrow((right, middle), (right + 30, middle))
    drawing.box(532, 60, 212, ["PBRC: the pipeline reads", "text and reasons, and", "predicts the entities"], GREEN)
    return drawing


def spans(doc: Doc, title: str) -> Drawing:
    """A sentence with its predicted spans, nested ones below each other, with scores.

    doc (Doc): The Doc, with spans and scores under "sc".
    title (str): Title of the picture.
    """
    group = doc.spans["sc"]
    by_score = sorted(zip(group.attrs["scores"], group), key=lambda pair: pair[0])
    best = {(one.start, one.end): (one.label_, score) for score, one in by_score}
    scores = {(*place, label): score for place, (label, score) in best.items()}
    starts: List[float] = [24.0]
    for token in doc:
        starts.append(starts[-1] + LETTER * len(token.text_with_ws) * 1.16)
    rows: List[List[Tuple[int, int, str]]] = []
    for one in sorted(scores, key=lambda span: (span[0] - span[1], span[0])):
        for row in rows:
            if all(one[1] <= other[0] or other[1] <= one[0] for other in row):
                row.append(one)
                break
        else:
            rows.append([one])
    drawing = Drawing(int(starts[-1]) + 24, 62 + 40 * len(rows), title)
    for token, x in zip(doc, starts):
        drawing.text(x, 36, token.text, anchor="start", style='font-size="15"')
    colors = dict(zip(sorted({label for *_, label in scores}), [GREEN, BLUE, YELLOW, RED, GREY]))
    for number, row in enumerate(rows):
        for start, end, label in row:
            x, width = starts[start] - 3, starts[end] - starts[start]
            y = 48 + 40 * number
            drawing.parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="7" rx="3" fill="{colors[label]}" '
                f'stroke="{LINE}"/>'
            )
            drawing.text(x, y + 22, f"{label} {scores[start, end, label]:.2f}", anchor="start", style='font-size="12"')
    return drawing


def main(output: Path) -> None:
    """Write all pictures.

    output (Path): The folder.
    """
    output.mkdir(parents=True, exist_ok=True)
    for draw in (knowfree, contrast, factmix, reasoning):
        draw().write(output / f"{draw.__name__}.svg")
    # The best type of each span with a score of at least 0.35. Trained pipelines have 0.5, as spans are surer there.
    nlp = open_pipeline(
        {"person": "a person", "organisation": "an organisation", "country": "a country", "city": "a city"},
        threshold=0.35,
        decoding="nested",
    )
    doc = nlp("Alan Turing worked for the Bank of England in Manchester.")
    spans(doc, "Spans that the open source finds without training").write(output / "spans.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
