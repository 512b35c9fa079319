"""The pages of two shipped specs in a browser: everything that can be clicked is, and the console stays silent."""

# ruff: noqa: F811 - a fixture that is imported is also a parameter
from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser
from conftest import ROOT
from test_report import chromium, clean, stands_alone  # noqa: F401

from netspec.runtime.run import runs

pytestmark = pytest.mark.keras

_SECTIONS = {  # words of the page
    "twitter": ("main_output", "aux_output", "headline", "ROC", "precision", "lstm", "Embedding"),
    "digits_cnn": ("recall", "Conv2D", "accuracy"),
}


@pytest.mark.parametrize("name", _SECTIONS)
def test_a_page_is_clicked_through(name: str, tmp_path: Path, chromium: Browser) -> None:
    import netspec

    run = netspec.fit(ROOT / "specs" / f"{name}.yaml", out=tmp_path / name, epochs=2).run
    said = stands_alone((run / runs.REPORT).read_text(encoding="utf-8")).text.lower()
    for part in _SECTIONS[name]:
        assert part.lower() in said, part
    chromium.tell("Emulation.setDeviceMetricsOverride", width=1000, height=800, deviceScaleFactor=1, mobile=False)
    chromium.open(run / runs.REPORT)
    links = chromium.run("return document.querySelectorAll('nav a').length")
    assert links > 4
    for at in range(links):
        link = f"document.querySelectorAll('nav a')[{at}]"
        chromium.click(link)
        assert chromium.run(f"return location.hash === {link}.getAttribute('href')"), at
        assert chromium.run("return document.querySelector(location.hash).getBoundingClientRect().top < innerHeight")
    folds = chromium.run("return document.querySelectorAll('details').length")
    for at in range(folds):
        fold = f"document.querySelectorAll('details')[{at}]"
        before = chromium.run(f"return {fold}.open")
        if chromium.run(f"return {fold}.checkVisibility()"):
            for _ in range(2 if before else 1):  # all end up open, so that what is inside them is seen
                chromium.click(f"{fold}.querySelector('summary')")
        assert chromium.run(f"return {fold}.open"), at
    plots = chromium.run("return document.querySelectorAll('.plot').length")
    assert plots >= 3
    for at in range(plots):
        plot = f"document.querySelectorAll('.plot')[{at}]"
        chromium.click(plot)
        assert chromium.run(f"return {plot}.closest('.chart').querySelector('.said').textContent.length") > 0
    assert chromium.run("return [...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    clean(chromium, run)
    chromium.tell("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    assert chromium.run("return document.documentElement.scrollWidth") <= 360
