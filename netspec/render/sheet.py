"""What all pages are made of: one style, one frame without network or outside file, cards, tables, bars as SVG.

Words and numbers are HTML, drawings are SVG that stretches to the width; all text of a user passes `safe`.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Collection, Iterable, Mapping, Sequence

from netspec.diagnostics import printable

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2329;--soft:#55606b;--page:#fbfbf9;--card:#fff;--line:#c9cfd6;--warn:#8a4b00;
--train:#2366a8;--validation:#a8561a;--test:#4a7a2c}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#a9b3bd;--page:#15191d;--card:#1d2328;--line:#3d4650;
--warn:#f0b45c;--train:#78b2ea;--validation:#e8a368;--test:#9ccb77}}
*{box-sizing:border-box}body{margin:0;overflow-wrap:anywhere;
background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main,header,nav{max-width:62rem;margin:0 auto;padding:0 1rem}h1{font-size:1.5rem;margin:1rem 0 .25rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:0 0 .25rem;
overflow-wrap:anywhere}p{margin:.25rem 0}.soft,figcaption,th{color:var(--soft);font-weight:400}
a{color:inherit}a:focus-visible,[tabindex]:focus-visible,summary:focus-visible{outline:3px solid var(--train);
outline-offset:2px}.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.5rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:0;padding:.5rem 0}
nav a{display:inline-block;padding:.25rem 0}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:.75rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.75rem;min-width:0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .75rem .2rem 0;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap}td.w{white-space:nowrap}.wide th{overflow-wrap:break-word}
svg{display:block;width:100%}
.h svg{height:3.5rem;border-bottom:1px solid var(--line)}.ends{display:flex;justify-content:space-between;
font-size:.85rem;color:var(--soft);font-variant-numeric:tabular-nums}
.b{display:grid;grid-template-columns:minmax(3rem,35%) minmax(2rem,1fr) auto;
gap:.15rem .6rem;align-items:center;font-size:.9rem}.b svg{height:.8rem}.b span{overflow-wrap:anywhere}
.b .n{text-align:right;font-variant-numeric:tabular-nums}.part{font-size:.85rem;margin-top:.4rem}
.train{fill:var(--train)}.validation{fill:var(--validation)}.test{fill:var(--test)}.cut{stroke:var(--ink);stroke-width:2;
stroke-dasharray:4 3}.pictures{display:flex;flex-wrap:wrap;gap:.75rem}figure{margin:0}img{display:block;width:6rem;
image-rendering:pixelated;border:1px solid var(--line)}.warnings li{color:var(--warn)}
dl{display:grid;grid-template-columns:minmax(5rem,max-content) 1fr;gap:.15rem .75rem;margin:.25rem 0 1rem}
dt{color:var(--soft);overflow-wrap:anywhere}dd{margin:0;overflow-wrap:anywhere}summary{cursor:pointer;padding:.25rem 0}
code{font:.9em ui-monospace,monospace}
""".strip()


def document(
    title: str,
    heading: str,
    said: str,
    sections: Mapping[str, tuple[str, str]],
    *,
    style: str = "",
    script: str = "",
) -> str:
    """A whole page: by anchor each section's title and inside; those without an inside are left out.

    `style` and `script` are ours, no user's; the page runs no other script, wherever text of a user may stand.
    """
    there = {name: section for name, section in sections.items() if section[1]}
    links = "".join(f'<li><a href="#{name}">{safe(head)}</a></li>' for name, (head, _) in there.items())
    body = "".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}" tabindex="-1">{safe(head)}</h2>{inside}</section>'
        for name, (head, inside) in there.items()
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if script:
        mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{mark}'"
    first = next(iter(there), "")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{safe(title)}</title><style>{_STYLE}{style}</style></head><body>"
        f'<a class="skip" href="#{first}">To the data</a>'
        f'<header><h1>{safe(heading)}</h1><p class="soft">{safe(said)}</p></header>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main>{body}</main>'
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


def safe(text: str) -> str:
    """Text of a user as HTML that shows it and does nothing."""
    return html.escape(printable(text))


def listed(lines: Sequence[str], style: str) -> str:
    """A list of sentences, nothing where there are none."""
    return f'<ul class="{style}">{"".join(f"<li>{safe(line)}</li>" for line in lines)}</ul>' if lines else ""


def cards(each: Iterable[str]) -> str:
    """Cards that lie side by side where there is room."""
    inside = "".join(f'<div class="card">{card}</div>' for card in each)
    return f'<div class="cards">{inside}</div>' if inside else ""


def table(
    label: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, words: Collection[int] = frozenset()
) -> str:
    """A table that scrolls by itself, by keyboard too, where it is wider than the page.

    The first column names the rows; those in `words` hold words, all others numbers, on the right.
    """
    style = ["" if at == 0 else ' class="w"' if at in words else ' class="n"' for at in range(len(head))]
    top = "".join(f'<th scope="col"{style[at]}>{safe(cell)}</th>' for at, cell in enumerate(head))
    body = "".join(
        "<tr>"
        + f'<th scope="row">{safe(row[0])}</th>'
        + "".join(f"<td{style[at]}>{safe(cell)}</td>" for at, cell in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
    )
    said = safe(label)
    return (
        f'<div class="wide" role="region" aria-label="{said}" tabindex="0"><table>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def soft(text: str) -> str:
    """A line that stands back."""
    return f'<p class="soft">{safe(text)}</p>'


def named_bars(part: str, bars: Sequence[tuple[str, int, str]], label: str) -> str:
    """A bar for each name, as long as its count; names and counts stand beside it as text."""
    most = max((count for _, count, _ in bars), default=0) or 1
    rows = "".join(
        f"<span>{safe(name[:60]) or '(empty)'}</span>"
        f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{part or "train"}" width="{100 * count / most:.2f}" height="10"/></svg>'
        f'<span class="n">{safe(shown)}</span>'
        for name, count, shown in bars
    )
    head = f'<p class="part">{safe(part)}</p>' if part else ""
    return f'{head}<div class="b" role="group" aria-label="{safe(label)}">{rows}</div>'


def columns(counts: Sequence[int], part: str) -> str:
    """The columns of a histogram, as high as their counts; the numbers stand beside it as text."""
    most = max(counts, default=0) or 1
    return "".join(
        f'<rect class="{part}" x="{at * 10}" y="{100 - 100 * n / most:.2f}" width="9" height="{100 * n / most:.2f}"/>'
        for at, n in enumerate(counts)
        if n
    )


def histogram(inside: str, bars: int, alt: str) -> str:
    """A histogram of so many bars, with what it shows in words."""
    return (
        f'<div class="h"><svg viewBox="0 0 {10 * bars} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{safe(alt)}"><title>{safe(alt)}</title>{inside}</svg></div>'
    )
