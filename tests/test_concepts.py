"""Figures in sentences of concepts, guides and the story are those of results, record and code."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from concept_pictures import make_page, see_word
from pictures import IMAGES
from readme import RESULTS

import digits
from digits.evaluation.intervals import wilson_interval
from digits.reading.confidence import CONFIDENCE
from digits.reading.ink import HYPOTHESES, hypotheses
from digits.reading.symbols import DIGIT_HEIGHT, LINE_HEIGHT, SYMBOLS
from digits.reading.word_reader import NUM_VIEWS, WORD_READER
from digits.recipe import load_measurement

DOCS = Path(__file__).parents[1] / "docs"
RECORD = (DOCS / "experiments.md").read_text()

MOST_BYTES, MOST_IN_ALL = 120_000, 600_000
"""Largest size of an image of these pages, and of all of them."""


def words_of(page: str) -> str:
    """The text of a page, whose lines may be broken anywhere."""
    return " ".join((DOCS / page).read_text().split())


def result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text())


def numbers(text: str) -> set[str]:
    """The numbers of a text; a point or comma at the end of a sentence is none of theirs."""
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


def sections(document: str) -> dict[str, str]:
    """Each heading with the text below it, by the heading as links name it."""
    parts = re.split(r"^## (.+)\n", document, flags=re.MULTILINE)[1:]
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in parts[::2]]
    texts = map("\n".join, zip(parts[::2], parts[1::2], strict=True))
    return dict(zip(slugs, texts, strict=True))


STORIES, RECORDS = sections((DOCS / "story.md").read_text()), sections(RECORD)


@pytest.mark.parametrize("story", [name for name in STORIES if "experiments.md#" in STORIES[name]])
def test_the_figures_of_a_story_stand_in_the_part_of_the_record_that_it_links(story: str) -> None:
    text = STORIES[story]
    linked = re.findall(r"experiments\.md#([\w-]+)", text)
    told = re.sub(r"\]\([^)]*\)", "", text)
    assert not numbers(told) - numbers(" ".join(RECORDS[name] for name in linked))


def test_nearly_every_story_links_the_record() -> None:
    assert [name for name in STORIES if "experiments.md#" not in STORIES[name]] == [
        "what-they-have-in-common"
    ]


def test_the_contents_of_the_record_have_each_part_once() -> None:
    contents = RECORD.partition("\n## ")[0]
    assert sorted(re.findall(r"\]\(#([^)]+)\)", contents)) == sorted(RECORDS)


@pytest.mark.mnist
def test_the_page_is_read_as_reading_tells_it() -> None:
    text, page = words_of("concepts/reading.md"), make_page()
    reader = digits.Reader(num_threads=1)
    reading = reader.read(page)
    first, second = (line.text for line in reading.lines)
    assert f"The reading of the page is `{first}` and `{second}`." in text
    sure = 100 * reading.lines[0].confidence
    assert abs(sure - int(re.findall(r"first line is (\d+) % sure", text)[0])) < 1
    assert reading.digits[-1].reason == "it looks like no digit"
    shares = 100 * np.array(reading.digits[-1].probabilities)
    best, second = shares.argsort()[::-1][:2]
    assert (
        f"best guesses are a {best} with {shares[best]:.0f} % and a {second} with "
        f"{shares[second]:.0f} %" in text
    )
    kinds = [mark.kind for mark in reading.left_out]
    assert (kinds.count("not a digit"), kinds.count("rule")) == (1, 5)
    found = hypotheses(page)
    ink = found[0].ink
    assert (len(found), ink.is_dark) == (2, True)
    assert abs(ink.certainty - 3.3) < 0.1
    assert "From 0.65 on it is safe; here it is 3.3" in text
    assert HYPOTHESES.safe_certainty == 0.65
    assert abs(ink.level - 103) < 2
    assert "about 103 grey levels" in text
    likely = see_word(ink, reader.networks.lines, 0).readings
    rows = re.findall(r"\| `([\d?]+)` \|((?: \d+ % \|){5})", text)
    assert len(rows) == 3
    assert [row[0] for row in rows] == [*likely][:3]
    for word, cells in rows:
        three = likely[word][:3]
        values = [*three, np.mean(three), np.mean(likely[word])]
        assert np.allclose(
            [int(cell) for cell in re.findall(r"\d+", cells)], 100 * np.array(values), atol=1.5
        )


def test_limits_of_reading_are_those_of_the_code() -> None:
    text = words_of("concepts/reading.md")
    assert f"What is below {CONFIDENCE.threshold} is refused" in text
    assert f"{LINE_HEIGHT} pixels high with digits of {DIGIT_HEIGHT}" in text
    assert f"each of {len(SYMBOLS)} symbols" in text
    assert NUM_VIEWS == (1, 3, 7)
    assert "seven *views* in all" in text
    one, three = WORD_READER.sure_in_one, WORD_READER.sure_in_three
    assert f"one view of a drawing is {one:.0%}".replace("%", " %") in text
    assert f"three views of anything are {three:.0%}".replace("%", " %") in text


def test_figures_of_confidence_are_measured() -> None:
    text, read, sure = words_of("concepts/confidence.md"), result("reading"), result("confidence")
    whole, pictures = read["silent_errors"]["whole"], read["pictures"]
    wrong, accepted = pictures["accepted_wrong"]
    was = "was" if wrong == 1 else "were"
    _, most = wilson_interval(0, sure["lines"]["from"]["0.999"]["accepted"])
    assert sure["lines"]["from"]["0.999"]["wrong"] == 0
    for sentence in (
        f"accepts {100 * read['sets']['accepted']:.1f} % at {read['threshold']}",
        f"off by {100 * read['sets']['calibration_error']:.1f} percentage points (ECE), on MNIST's "
        f"test images by {100 * read['mnist']['calibration_error']:.1f}.",
        f"On {pictures['exact'][1]} pictures of all kinds, from single digits to whole pages, "
        f"{accepted} digits were accepted, and {wrong} of these {was} wrong.",
        f"Of {read['silent_errors']['readings']} cheques and photos of rows, {whole['accepted']} "
        f"were accepted whole, and {whole['wrong']} of these were wrong",
        f"accepts {100 * read['clothes']['accepted']:.1f} % of 28×28 pictures of clothes",
        f"The reader refuses a digit below {CONFIDENCE.threshold}",
        f"No mistake among {sure['lines']['from']['0.999']['accepted']} lines allows for a share "
        f"of {100 * most:.0f} %",
        f"What that makes of {sure['lines']['read']:,} rows",
    ):
        assert sentence in text, sentence
    assert sure["digits"]["from"]["0.999"]["wrong"] > 0  # "99.9 % sure and wrong"
    assert sure["balanced"]["at_1"]["from"]["0.99"]["accepted"] == 0  # "would accept nothing"


def test_figures_of_measurement_are_measured() -> None:
    text = words_of("concepts/measurement.md")
    measured = load_measurement("balanced")
    assert measured is not None
    seeds = [seed["accuracy"] for seed in measured["seeds"]]
    assert len(seeds) == 10
    assert f"from {min(seeds):.2%} to {max(seeds):.2%}".replace("%", " %") in text
    for stated, in_record in (
        ("took from 4.9 to 7.2 ms within an hour", "step took from 4.9 to 7.2 ms within an hour"),
        ("the command took 5.3 to 6.1 s", "took 5.3 to 6.1 s, of which 1.4 were training"),
        ("Of twenty trials around `fast`", "Twenty trials around `fast`"),
    ):  # fmt: skip
        assert stated in text
        assert in_record in " ".join(RECORD.split())


def test_figures_of_guides_are_measured() -> None:
    serving, page, static = result("serving"), result("page"), result("static-page")
    load, end = serving["endurance"], serving["end"]
    watched = result("watching")["recipes"]
    watching = {name: of["ratio_of_pairs_median"]["epochs"] for name, of in watched.items()}
    (pairs,) = {of["pairs"] for of in watched.values()}
    medians = [found["milliseconds_median"] for found in page["answers"].values()]
    slowest = max(found["milliseconds_max"] for found in page["answers"].values())
    kills, again = result("tables")["kills"], result("tables")["kills_once_mended"]
    tries = kills["tries"] + again["tries"]
    cluster, processes = result("cluster_kills"), result("process_kills")
    killed = {name: cluster[f"kills: {name}"] for name in ("command", "worker", "machine")}
    killed["process"] = cluster["kills: reading process"]
    stated = {
        "serving.md": [
            f"{sum(load['answers'].values()):,} were answered or refused with 503, each within "
            f"{math.ceil(load['longest'] / 100) / 10} seconds",
            f"memory stayed at {load['memory_mb']['last_minute']:.0f} MB",
            f"SIGTERM ended it within {end['seconds']:.1f} seconds",
            f"is shown {min(medians):.0f} to {max(medians):.0f} ms after",
            f"within {math.ceil(slowest)} ms in all cases",
            f"`fast` takes {100 * watching['fast'] - 100:.1f} % more time for its steps, and "
            f"`balanced` {100 * watching['balanced'] - 100:.1f} % (medians of {pairs} pairs)",
        ],
        "static-page.md": [f"the folder has {static['bytes'] / 1000:.0f} kB"],
        "tables.md": [
            f"Of {tries} commands that were killed, one to three times each, "
            f"{tries - kills['faults'] - again['faults']} ended with"
        ],
        "scale.md": [
            f"killed something at random {sum(killed.values())} times: {killed['command']} times "
            f"the command, {killed['worker']} times a worker of Ray's, {killed['process']} times "
            f"the process that reads for one, {killed['machine']} times a machine",
            f"| processes killed | {processes['kills']} ({processes['killed of 1']} that trained "
            f"alone, {processes['killed of 2']} of two, {processes['killed of 4']} of four",
        ],
    }
    for guide, sentences in stated.items():
        for sentence in sentences:
            assert sentence in words_of(f"guides/{guide}"), sentence


def test_images_of_the_pages_are_small() -> None:
    pages = [(DOCS / "concepts" / name).read_text() for name in ("reading.md", "confidence.md")]
    names = {name for page in pages for name in re.findall(r"images/([\w-]+\.png)", page)}
    sizes = [(IMAGES / name).stat().st_size for name in names]
    assert len(sizes) == 20
    assert max(sizes) <= MOST_BYTES
    assert sum(sizes) <= MOST_IN_ALL
