# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The page: what is on it, what it refuses, and how it behaves in a real browser."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mdeploy.cli.main import run
from mdeploy.errors import InputError
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.training_log import Epoch, TrainingLog
from mdeploy.reports.history import History
from mdeploy.reports.page import Document, gather, render_page

pytest.importorskip("bokeh", reason="the extra mdeploy[report] is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def evaluation() -> dict[str, Any]:
    def row(name: str, right: int, ms: float, agreement: dict[str, Any] | None) -> dict[str, Any]:
        share = {"count": right, "total": 100, "value": right / 100, "low95": right / 100 - 0.07, "high95": 0.95}
        times = {f"{key}_ms": ms for key in ("mean", "std", "min", "p50", "p90", "p99", "max")}
        shares = {"top1": share, "top5": None, "agreement": agreement, "max_difference": None}
        return {"runtime": name, **shares, "ms_per_picture": times}

    def runtime(name: str) -> dict[str, Any]:
        sizes = {"model_bytes": 5_000_000, "load_seconds": 0.1, "peak_memory_bytes": None}
        return {"name": name, "title": name.title(), "version": "1", **sizes}

    rows = [row("torch", 88, 4.0, None), row("mdeploy", 88, 0.4, {"count": 100, "total": 100, "value": 1.0})]
    result = {"title": "photos, 100 images", "pictures": 100, "subset": False, "runtimes": rows, "disagreements": []}
    head = {"schema": "mdeploy-evaluation/1", "artifact": "net", "threads": 1, "missing": []}
    return {**head, "runtimes": [runtime("torch"), runtime("mdeploy")], "sets": [result]}


@pytest.fixture
def files(
    calibrated: Artifact, evaluation: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """One of each kind: bench with a profile, parity, layers, evaluation, training."""
    bench = ["bench", str(calibrated.path), "--runs", "10", "--warmup", "1", "--profile", "-o", str(tmp_path)]
    assert run(bench) == 0
    capsys.readouterr()
    assert run(["parity", str(calibrated.path), "--backends", "onnxruntime,mdeploy", "--json"]) == 0
    (tmp_path / "parity.json").write_text(capsys.readouterr().out)
    assert run(["parity", str(calibrated.path), "--backends", "mdeploy", "--layers", "--json"]) == 0
    (tmp_path / "layers.json").write_text(capsys.readouterr().out)
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation))
    lines = [json.dumps({"epoch": i, "test_accuracy": i / 10, "device": "<b>cpu</b>"}) for i in range(1, 4)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    benched = next(tmp_path.glob("*-bench-local.json"))
    return [
        str(benched),
        *(str(tmp_path / f"{name}.json") for name in ("parity", "layers", "evaluation")),
        str(tmp_path / "log.jsonl"),
    ]


def page(files: list[str], tmp_path: Path) -> str:
    out = tmp_path / "page.html"
    assert run(["report", *files, "-o", str(out)]) == 0
    return out.read_text()


def test_everything_is_on_it(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(files, tmp_path)
    assert len(text.encode()) < 5_000_000
    for heading in ("Latency", "Accuracy", "Parity", "Training", "Provenance"):
        assert f"<h2>{heading}</h2>" in text
    report = json.loads(Path(files[0]).read_text())
    assert f"p50 {report['latency_ms']['p50']:.3f} ms" in text
    assert "top-1 88.00%" in text
    assert "every one is within the tolerance" in text
    assert '<td class="number">30.00</td>' in text, "the training's best accuracy in per cent"
    assert text.count('class="plot"') == 7  # 2 of latency, operators, accuracy, parity, layers, training
    assert "&lt;b&gt;cpu&lt;/b&gt;" in text
    assert "<b>cpu</b>" not in text, "text out of a file became markup"


def test_nothing_is_fetched(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(files, tmp_path)
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:)""", text)


def test_names_out_of_a_report_are_no_markup(document: dict[str, Any], tmp_path: Path) -> None:
    hostile = "</script><script>window.owned=1</script><img src=x onerror=owned()>"
    document["model"]["name"] = document["device"]["model"] = document["warnings"][0] = hostile
    document["ops"][0]["name"] = document["ops"][0]["kernel"] = document["isa"] = hostile
    (tmp_path / "hostile.json").write_text(json.dumps(document))
    text = page([str(tmp_path / "hostile.json")], tmp_path)
    assert "window.owned" in text
    assert "<script>window.owned" not in text
    assert "<img" not in text


def test_what_makes_a_figure_doubtful_and_where_it_ran(document: dict[str, Any], tmp_path: Path) -> None:
    document["device"]["soc"], document["error"], document["status"] = "SoC 9", "it broke", "check_failed"
    (tmp_path / "report.json").write_text(json.dumps(document))
    text = page([str(tmp_path / "report.json")], tmp_path)
    for fact in ("1 of 3 runs are outliers", "it broke", "SoC 9", "41.5 °C", "80 %", "neon", "-O3"):
        assert fact in text, fact
    assert "cores 4-5,7 (big, bound)" in text, "as on the terminal"
    assert '<span class="bad">check_failed</span>' in text
    assert text.count('class="plot"') == 3  # 2 of latency, operators; one minute is no curve


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [390, 1200])
def test_in_a_browser(files: list[str], tmp_path: Path, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The plots are drawn, nothing is logged to the console, and the page is no wider than the window."""
    text = page(files, tmp_path)
    # What the page looks like from inside, written where --dump-dom shows it.
    probe = """
    <script>
    window.problems = [];
    window.addEventListener("error", e => window.problems.push(e.message));
    for (const level of ["error", "warn"]) console[level] = (...a) => window.problems.push(a.join(" "));
    </script>"""
    result = """
    <script>
    window.addEventListener("load", () => setTimeout(() => {
      const plots = [...document.querySelectorAll(".plot > div")];
      const drawn = plots.filter(plot => plot.shadowRoot || plot.querySelector("*")).length;
      const requests = performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:"));
      const wide = document.documentElement.scrollWidth > window.innerWidth + 1;
      document.title = "PROBE" + JSON.stringify({drawn, requests, wide, problems: window.problems}) + "END";
    }, 3000));
    </script>"""
    probed = tmp_path / "probed.html"
    probed.write_text(text.replace("<head>", "<head>" + probe, 1).replace("</body>", result + "</body>", 1))
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=15000", "--dump-dom", probed.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"<title>PROBE(.*?)END</title>", dom, re.S)
    assert found is not None, dom[:500]
    seen = json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert seen == {"drawn": 7, "requests": [], "wide": False, "problems": []}


def test_the_newest_runs_by_default(
    calibrated: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MDEPLOY_DB", str(tmp_path / "history.db"))
    assert run(["report", "-o", str(tmp_path / "page.html")]) == 3
    assert not (tmp_path / "page.html").exists()
    for tolerance in ("1e-5", "1e-12"):
        run(["parity", str(calibrated.path), "--backends", "onnxruntime", "--tol", tolerance])
    assert run(["report", "-o", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    assert text.index("at tol 1e-05") < text.index("at tol 1e-12")
    runs = History(tmp_path / "history.db").runs()
    for item in runs:
        when = item.created[:16].replace("T", " ")
        assert f"<b>run {item.id}</b> <time>{when} UTC</time>" in text, "every run with its date"
    assert text.count('<span class="good">passed</span>') == text.count('<span class="bad">failed</span>') == 1


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.json", "{", "not valid JSON"),
        ("x.json", "[]", "schema None is none of"),
        ("x.json", '{"schema": "other/1"}', "schema 'other/1' is none of"),
        ("x.json", '{"schema": "mdeploy-report/1"}', "not a report of the harness"),
        ("x.jsonl", "", "not a training log"),
        ("x.jsonl", '{"loss": 1}', "not a training log"),
        ("x.jsonl", "\n{", "not valid JSON"),
    ],
)
def test_what_is_none_of_ours(name: str, content: str, match: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=match):
        gather([str(tmp_path / name)], History(tmp_path / "none.db"), 1)


def recorded(database: Path, *documents: dict[str, Any]) -> str:
    """The page of a history with these documents."""
    history = History(database)
    for document in documents:
        history.record(document)
    return render_page(gather([], history, 10))


def changed(document: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**copy.deepcopy(document), **members}


def legends(text: str) -> set[str]:
    return set(re.findall(r'"name":"LegendItem",.*?"label":\{"type":"value","value":"(.*?)"', text))


def test_legends_and_rows_say_what_differs(document: dict[str, Any], tmp_path: Path) -> None:
    one, two = changed(document, threads=1), changed(document, threads=2)
    text = recorded(tmp_path / "a.db", one, two)
    assert legends(text) == {"1 thread", "2 threads"}
    assert text.count("<td>run 1: 1 thread</td>") == text.count("<td>run 2: 2 threads</td>") == 2, "in both tables"
    free = changed(two, affinity={"requested": "all", "cores": [0, 1, 2, 3], "applied": False})
    text = recorded(tmp_path / "b.db", two, free)
    assert legends(text) == {"cores 4-5,7 (big, bound)", "cores 0-3 (all, free)"}
    other = changed(document, device={**document["device"], "model": "Tablet"})
    assert legends(recorded(tmp_path / "c.db", document, other)) == {"Phone", "Tablet"}
    assert legends(recorded(tmp_path / "d.db", one, two, two)) == {
        "1 thread",
        "2 threads (run 2)",
        "2 threads (run 3)",
    }
    assert legends(recorded(tmp_path / "e.db", one, one)) == {"run 1", "run 2"}, "nothing differs"


def test_an_accuracy_is_neither_good_nor_bad(evaluation: dict[str, Any], tmp_path: Path) -> None:
    row = evaluation["sets"][0]["runtimes"][0]
    row["top1"] = {"count": 0, "total": 100, "value": 0.0}
    text = recorded(tmp_path / "a.db", evaluation, changed(evaluation, threads=2))
    assert text.count("top-1 0.00%") == 2
    assert 'class="good"' not in text
    assert 'class="bad"' not in text
    assert "Accuracy of net on photos, 100 images: Torch, 1 thread<" in text
    assert "Accuracy of net on photos, 100 images: Torch, 2 threads<" in text
    assert "<h3>net, photos, 100 images, 1 thread (run 1, " in text
    assert "<h3>net, photos, 100 images, 2 threads (run 2, " in text


def test_a_single_dot_is_not_drawn(evaluation: dict[str, Any], document: dict[str, Any], tmp_path: Path) -> None:
    evaluation["sets"][0]["runtimes"] = evaluation["sets"][0]["runtimes"][:1]
    document["latency_ms"] |= {"n": 1, "samples": [2.0]}
    document["ops"] = []
    text = recorded(tmp_path / "a.db", evaluation, document)
    assert 'class="plot"' not in text
    assert "p50 2.000 ms" in text
    assert "top-1 88.00%" in text


def test_a_run_that_cannot_be_read_does_not_cost_the_others(document: dict[str, Any], tmp_path: Path) -> None:
    """As an older mdeploy took them, or a newer one writes them."""
    history = History(tmp_path / "a.db")
    history.add("bench", "net", changed(document, error="\ud800"), outcome="ok", headline="")
    history.add("bench", "net", changed(document, schema="mdeploy-report/2"), outcome="ok", headline="")
    text = recorded(tmp_path / "a.db", document)
    assert text.count('<span class="bad">not shown</span>') == 2
    assert "half of a surrogate pair" in text
    assert "mdeploy-report/2 was written by a newer mdeploy" in text
    assert "p50 2.000 ms" in text
    with pytest.raises(InputError, match="newer mdeploy"):
        gather(["2"], history, 1)


def test_every_old_document_is_shown() -> None:
    golden = Path(__file__).resolve().parents[3] / "golden" / "documents"
    names = ["report-1", "outcomes", "parity-1", "layers-1", "evaluation-1"]
    text = render_page(gather([str(golden / f"{name}.json") for name in names], History(Path("none.db")), 1))
    for heading in ("Latency", "Accuracy", "Parity", "Provenance"):
        assert f"<h2>{heading}</h2>" in text
    assert "<b>outcomes: local</b>" in text
    assert text.count('class="plot"') == 7  # 2 of latency, 2 profiles, accuracy, parity, layers


def test_missing_sources(tmp_path: Path) -> None:
    for source in (str(tmp_path / "none.json"), "12"):
        with pytest.raises(InputError):
            gather([source], History(tmp_path / "none.db"), 1)


def test_an_empty_page_is_still_a_page() -> None:
    text = render_page([Document("log", "2026-01-02 03:04", TrainingLog((Epoch(1),)))])
    assert "<b>log</b> <time>2026-01-02 03:04 UTC</time> Training" in text
    assert 'class="plot"' not in text
    assert "<h1>mdeploy report</h1>" in render_page([])
