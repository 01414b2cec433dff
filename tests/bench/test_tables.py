"""Tables: columns are aligned by the longest cell, and a missing figure is a dash."""

from bench.tables import Column, aligned, markdown

COLUMNS = (Column("name", "name", left=True), Column("gain", "gain_db", "{:+.2f}"), Column("B", "size_bytes"))
ROWS = ({"name": "a", "gain_db": -10.0, "size_bytes": 5}, {"name": "longer", "gain_db": None})


def test_a_terminal_s_columns_are_as_wide_as_their_longest_cell() -> None:
    assert aligned(COLUMNS, ROWS).splitlines() == ["name      gain  B", "a       -10.00  5", "longer       -  -"]


def test_markdown_aligns_numbers_right_by_its_rule() -> None:
    assert markdown(COLUMNS, ROWS[:1]) == "| name | gain | B |\n| --- | ---: | ---: |\n| a | -10.00 | 5 |\n"
