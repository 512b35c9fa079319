"""report.html: one page that needs nothing else, shows names as text, and is written whatever ends a training."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser, programs

from netspec.render import charts, report
from netspec.render.charts import Chart, Line
from netspec.runtime.run import epochs, runs, story, timing
from netspec.runtime.run.progress import Silent

TAB, ENTER, LEFT, RIGHT, HOME = "\ue004", "\ue007", "\ue012", "\ue014", "\ue011"
EVIL = "<script>alert(1)</script>"
POINTS = """
inputs: {x: [2]}
layers:
  - Dense: {units: 8, activation: relu}
  - Dense: {units: 1, activation: sigmoid}
    name: kind
losses: binary_crossentropy
metrics: [accuracy]
data:
  train: points.csv
  validation: 0.2
  test: 0.2
  features: {x: {columns: [a, b]}}
  targets: {kind: label}
fit: {epochs: 4, seed: 3}
"""


def write_points(folder: Path, rows: int = 300) -> Path:
    """Two classes of points, one with a name that is markup."""
    draw = random.Random(1)
    lines = ["a,b,label"]
    for _ in range(rows):
        a, b = draw.gauss(0, 1), draw.gauss(0, 1)
        lines.append(f"{a:.4f},{b:.4f},{EVIL if a + b + draw.gauss(0, 0.5) > 0 else 'no'}")
    (folder / "points.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "points.yaml").write_text(POINTS, encoding="utf-8")
    return folder / "points.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on points."""
    import netspec

    folder = tmp_path_factory.mktemp("points")
    return netspec.fit(write_points(folder), out=folder / "run").run


class Reader(HTMLParser):
    """Every tag with its attributes, and all text."""

    VOID = frozenset(("meta", "img", "br", "link", "input", "hr"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text, self.styles, self.scripts = "", "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag without an inside."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Its end."""
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        """Text."""
        inside = self.open[-1] if self.open else ""
        if inside == "style":
            self.styles += data
        elif inside == "script":
            self.scripts += data
        else:
            self.text += f" {data}"


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def stands_alone(page: str) -> Reader:
    """The page, in which nothing is fetched from anywhere and no script but ours runs."""
    found = read(page)
    for tag, attributes in found.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form"), tag
        assert not [name for name in attributes if name.startswith("on")], attributes
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            address = attributes.get(name, "")
            assert address == "" or address.startswith(("#", "data:image/png;base64,")), address
        assert "url(" not in attributes.get("style", "")
    assert "@import" not in found.styles and "url(" not in found.styles
    assert found.scripts in ("", charts.SCRIPT) and [tag for tag, _ in found.tags].count("script") <= 1
    policy = next(each["content"] for tag, each in found.tags if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'") and "unsafe-inline" not in policy.partition("script-src")[2]
    ids = [each["id"] for _, each in found.tags if "id" in each]
    assert len(ids) == len(set(ids))
    links = {each["href"][1:] for tag, each in found.tags if tag == "a"}
    assert links <= set(ids), links - set(ids)
    return found


@pytest.mark.keras
def test_fit_writes_a_page_that_stands_alone(made: Path) -> None:
    page = (made / runs.REPORT).read_text(encoding="utf-8")
    found = stands_alone(page)
    assert EVIL in found.text and EVIL not in page
    said = " ".join(found.text.split())
    for part in ("finished", "best epoch", "seed 3", "accuracy", "train: 180 of 180 rows", "keras", "points.csv"):
        assert part in said, part
    scores = json.loads((made / runs.METRICS).read_text(encoding="utf-8"))
    assert f"{scores['test']['kind']['accuracy']:.4f}" in said
    assert html.unescape(page).count("features: {x: {columns: [a, b]}}") == 1
    titles = {json.loads(each["data-chart"])["said"] for _, each in found.tags if "data-chart" in each}
    assert "epoch" in titles


@pytest.mark.keras
def test_times_stand_beside_the_history(made: Path) -> None:
    times = epochs.times(made)
    assert list(times) == [1, 2, 3, 4]
    assert all(list(each) == ["seconds", "learning_rate"] for each in times.values())
    assert all(each["seconds"] and each["learning_rate"] == pytest.approx(0.001) for each in times.values())
    assert "seconds" not in (made / runs.HISTORY).read_text(encoding="utf-8")


def test_an_epoch_that_is_run_once_more_counts_for_its_last_time(tmp_path: Path) -> None:
    shown = timing.Timed(Silent(), tmp_path, object())
    shown.epoch_ends(1, 2.0, {})
    shown.epoch_ends(2, 3.0, {})
    timing.Timed(Silent(), tmp_path, type("Fast", (), {"learning_rate": 0.5})()).epoch_ends(2, 4.0, {})
    with (tmp_path / runs.TIMES).open("a", encoding="utf-8") as file:
        file.write("3,1.")
    assert epochs.times(tmp_path) == {
        1: {"seconds": 2.0, "learning_rate": None},
        2: {"seconds": 4.0, "learning_rate": 0.5},
    }
    timing.Timed(Silent(), tmp_path / "gone", object()).epoch_ends(1, 2.0, {})
    assert epochs.times(tmp_path / "gone") == {}


@pytest.mark.keras
def test_a_run_may_have_no_page(tmp_path: Path, run: Any) -> None:
    spec = write_points(tmp_path)
    done = run("fit", spec, "-q", "--epochs", "1", "--out", tmp_path / "out", "--no-report")
    assert done.rc == 0 and not (tmp_path / "out" / runs.REPORT).exists()
    again = run("report", tmp_path / "out")
    assert again.rc == 0 and not (tmp_path / "out" / runs.EVIDENCE).exists()
    found = stands_alone((tmp_path / "out" / runs.REPORT).read_text(encoding="utf-8"))
    assert "rows of test, with the weights that were kept last" in " ".join(found.text.split())
    with (tmp_path / "points.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    again = run("report", tmp_path / "out", "-o", tmp_path / "page.html")
    assert again.rc == 0 and "note: there is no section of errors" in again.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "points.csv` has changed since the run was made" in page


@pytest.mark.keras
def test_a_run_that_ends_early_has_a_page_too(tmp_path: Path) -> None:
    import netspec
    from netspec.runtime.run.training import TrainingError

    spec = write_points(tmp_path)
    spec.write_text(POINTS + "optimizer: {SGD: {learning_rate: 1.0e+38}}\n", encoding="utf-8")
    with pytest.raises(TrainingError):
        netspec.fit(spec, out=tmp_path / "out")
    found = stands_alone((tmp_path / "out" / runs.REPORT).read_text(encoding="utf-8"))
    assert "failed" in found.text and "did not come to its end" in found.text


@pytest.mark.keras
def test_a_page_that_cannot_be_made_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import netspec

    def broken(found: story.Story) -> str:
        raise ValueError("no page today")

    monkeypatch.setattr(report, "page", broken)
    made = netspec.fit(write_points(tmp_path), out=tmp_path / "out", epochs=1)
    assert (made.run / runs.METRICS).is_file() and not (made.run / runs.REPORT).exists()
    assert "no page today" in capsys.readouterr().err


def test_a_chart_breaks_where_a_number_is_missing() -> None:
    nan = float("nan")
    found = charts.chart(Chart("loss", "epoch", [1, 2, 3, 4, 5], [Line("a", [1.0, nan, 2.0, 3.0, None])]))
    assert len(re.findall(r'class="l0 dot" d="M[^M"]*"', found)) == 1
    assert re.findall(r'class="l0" d="(M[^"]*)"', found)[-1].count("L") == 1
    data = json.loads(html.unescape(found.split('data-chart="')[1].partition('"')[0]))
    assert data["lines"][0]["y"] == [1.0, None, 2.0, 3.0, None]
    assert charts.chart(Chart("x", "epoch", [1], [Line("", [nan])])) == ""
    assert "logarithmic" in charts.chart(Chart("x", "epoch", [1, 2], [Line("", [1.0, 1000.0])]))
    many = charts.chart(Chart("x", "epoch", list(range(10_000)), [Line("", [float(n) for n in range(10_000)])]))
    assert len(many) < 40_000 and "9999" in many


@pytest.mark.parametrize("name", [EVIL, 'a"b', "a'b", "a&b", "\x1b[31m\u202eb", "</style>", "]]>", "-->"])
def test_names_are_text(name: str) -> None:
    found = charts.chart(Chart(name, name, [1.0, 2.0], [Line(name, [1.0, 2.0])]))
    reader = read(found)
    assert {tag for tag, _ in reader.tags} <= {"figure", "figcaption", "h3", "div", "span", "svg", "path", "line", "p"}
    assert "\x1b" not in found and "\u202e" not in found
    data = next(each["data-chart"] for _, each in reader.tags if "data-chart" in each)
    assert json.loads(data)["lines"][0]["name"] == name.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if programs() is None:
        pytest.skip("no chromium and chromedriver are installed")
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def chromium_or_none(request: pytest.FixtureRequest) -> Browser | None:
    """A browser, if there is one, for tests that have more to say."""
    return request.getfixturevalue("chromium") if programs() is not None else None


@pytest.mark.keras
def test_a_browser_shows_the_page_by_mouse_and_by_keyboard(made: Path, chromium: Browser) -> None:
    chromium.tell("Emulation.setDeviceMetricsOverride", width=1000, height=800, deviceScaleFactor=1, mobile=False)
    chromium.open(made / runs.REPORT)
    said = "return document.querySelector('.chart .said').textContent"
    tall = "return document.documentElement.scrollHeight"
    before, height = chromium.run(said), chromium.run(tall)
    chromium.run("document.querySelector('.plot').scrollIntoView({block: 'center'})")
    box = "const r = document.querySelector('.plot').getBoundingClientRect(); "
    place: Mapping[str, float] = chromium.run(box + "return {x: r.x, y: r.y, w: r.width, h: r.height}")
    chromium.point(place["x"] + 2, place["y"] + place["h"] / 2)
    assert chromium.run(said).startswith("epoch 1: train 0.")
    chromium.point(place["x"] + place["w"] * 0.99, place["y"] + place["h"] / 2)
    assert chromium.run(said).startswith("epoch 4: ")
    assert chromium.run(tall) == height, "nothing moves"
    chromium.point(0, 0)
    assert chromium.run(said) == before

    chromium.run("document.querySelector('nav li:last-child a').focus()")
    for _ in range(20):
        chromium.press(TAB)
        if chromium.run("return document.activeElement.className") == "plot":
            break
    assert chromium.run(said).startswith("epoch 4: ")
    chromium.press(LEFT, LEFT)
    assert chromium.run(said).startswith("epoch 2: ")
    assert chromium.run("return document.activeElement.getAttribute('aria-valuetext')") == chromium.run(said)
    chromium.press(HOME, LEFT)
    assert chromium.run(said).startswith("epoch 1: ")
    assert chromium.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert chromium.run(tall) == height
    chromium.run("document.querySelector('details summary').focus()")
    chromium.press(ENTER)
    assert chromium.run("return document.querySelector('details').open")
    clean(chromium, made)


def clean(chromium: Browser, made: Path) -> None:
    """The console said nothing, and nothing but the page was asked for."""
    chromium.read_logs()
    assert [entry["message"] for entry in chromium.logged] == []
    assert {each for each in chromium.asked if not each.startswith("data:image/png")} <= {
        (made / runs.REPORT).resolve().as_uri()
    }


@pytest.mark.keras
@pytest.mark.parametrize("width", [320, 360, 768])
def test_a_phone_shows_the_page_without_scrolling_sideways(made: Path, chromium: Browser, width: int) -> None:
    chromium.tell("Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=2, mobile=True)
    chromium.open(made / runs.REPORT)
    chromium.run("for (const each of document.querySelectorAll('details')) each.open = true")
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    wide = "return [...document.querySelectorAll('main *')].filter((e) => !e.closest('.wide, pre, svg') && "
    wide += "e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 200))"
    assert chromium.run(wide) == []
    clean(chromium, made)


@pytest.mark.keras
def test_the_page_follows_light_and_dark(made: Path, chromium: Browser) -> None:
    colors = set()
    for scheme in ("light", "dark"):
        chromium.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        chromium.open(made / runs.REPORT)
        colors.add(chromium.run("const s = getComputedStyle(document.body); return s.color + s.backgroundColor"))
    assert len(colors) == 2
    clean(chromium, made)


NESTED = """
name: nested
inputs: {a: [4], b: [4]}
shared:
  twin: {Dense: 3}
  tower:
    inputs: {x: [3]}
    layers:
      - Dense: {units: 5, activation: relu}
layers:
  - use: twin
    from: a
    name: left
  - use: twin
    from: b
    name: right
  - Concatenate:
    from: [left, right]
  - Dense: 3
  - use: tower
  - Dense: 1
    name: y
losses: mse
"""


def test_the_model_has_shared_layers_once_and_folds_nested_ones() -> None:
    from netspec.pipeline import analyze_text
    from netspec.render.architecture import architecture

    checked = analyze_text(NESTED).checked
    assert checked is not None
    page = architecture(checked.typed, 32)
    found = read(page)
    said = " ".join(found.text.split())
    assert said.count("twin (shared)") == 1 and "↳ left" in said and "↳ right" in said
    assert [tag for tag, _ in found.tags].count("details") == 1 and "model tower, 2 rows" in said
    assert "parameters" in said and "(None, 3)" in said


@pytest.mark.keras
def test_several_runs_have_one_page(made: Path, tmp_path: Path, run: Any, chromium_or_none: Browser | None) -> None:
    import netspec

    other = netspec.fit(made.parent / "points.yaml", out=tmp_path / f"{EVIL[:7]}b", epochs=6, batch_size=16).run
    third = netspec.fit(made.parent / "points.yaml", out=tmp_path / "c", dummy=8, epochs=1).run
    assert run("report", made, other).rc == 2, "where to?"
    page = tmp_path / "page.html"
    done = run("report", made, other, third, "-o", page)
    assert done.rc == 0 and done.stdout == "" and "3 runs" in done.stderr
    assert run("report", made, other, "-o", page).rc == 2, "it exists"
    found = stands_alone(page.read_text(encoding="utf-8"))
    said = " ".join(found.text.split())
    for part in ("fit.batch_size - 16 -", "fit.epochs 4 6 1", "8 generated", "test kind accuracy", "Spec of C"):
        assert part in said, part
    data = [json.loads(each["data-chart"]) for _, each in found.tags if "data-chart" in each]
    assert [line["name"] for line in data[0]["lines"]] == ["A", "B", "C"]
    assert data[0]["lines"][0]["y"][4:] == [None, None] and len(data[0]["x"]) == 6
    if chromium_or_none is not None:
        chromium_or_none.tell(
            "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True
        )
        chromium_or_none.open(page)
        assert chromium_or_none.run("return document.documentElement.scrollWidth") <= 360
        chromium_or_none.read_logs()
        assert chromium_or_none.logged == [] and set(chromium_or_none.asked) == {page.resolve().as_uri()}
