from __future__ import annotations

import present_frames as made
import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_report import hostile

from perflab.present.families import BUCKETS_S, Family, families
from perflab.present.prometheus import exposition, prometheus_name


def test_the_official_parser_reads_every_value() -> None:
    data = made.typical()
    parsed = {family.name: family for family in text_string_to_metric_families(exposition(data))}
    told = {prometheus_name(family): family for family in families(data) if family.samples}
    assert set(parsed) == set(told)
    for name, family in told.items():
        if family.kind != "histogram":
            found = {tuple(sorted(s.labels.items())): s.value for s in parsed[name].samples}
            labels = {label for sample in family.samples for label, _ in sample.labels}
            expected = {tuple(sorted({**dict.fromkeys(labels, ""), **dict(s.labels)}.items())): s.value
                        for s in family.samples}  # fmt: skip
            assert found == expected


def test_a_histogram_has_its_buckets_their_count_and_the_sum() -> None:
    data = made.typical()
    parsed = {family.name: family for family in text_string_to_metric_families(exposition(data))}
    of_render = [s for s in parsed["perflab_operation_duration_seconds"].samples if s.labels["operation"] == "render"]
    buckets = {s.labels["le"]: s.value for s in of_render if s.name.endswith("_bucket")}
    assert [float(bound) for bound in buckets] == [*BUCKETS_S, float("inf")]
    assert list(buckets.values()) == sorted(buckets.values())
    operations = data.tables["operations"]
    (count,) = (s.value for s in of_render if s.name.endswith("_count"))
    assert count == buckets["+Inf"] == (operations["name"] == "render").sum()


@pytest.mark.parametrize("family", families(made.typical()), ids=lambda family: family.name)
def test_names_say_perflab_and_their_base_unit(family: Family) -> None:
    name = prometheus_name(family)
    assert name.startswith("perflab_")
    assert name == name.lower()
    assert not name.endswith("_total")  # which the client adds to counters
    suffix = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}.get(family.unit)
    assert suffix is None or name.endswith(suffix)


def test_hostile_text_breaks_no_line() -> None:
    text = exposition(hostile())
    assert list(text_string_to_metric_families(text))
    assert all(line.isprintable() for line in text.splitlines())
    assert "\x1b" not in text
