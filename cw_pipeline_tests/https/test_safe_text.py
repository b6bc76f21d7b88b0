import pytest

from cw_pipeline.https.safe_text import Hidden, harmless, one_line, shortened


def test_a_hidden_text_is_a_text_that_no_repr_shows() -> None:
    secret = Hidden("s3cret")
    assert (secret, f"{secret}") == ("s3cret", "s3cret")
    assert "s3cret" not in f"{secret!r} {[secret]} { ({'key': secret}) }"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Acme\x1b[31m", "Acme [31m"), ("a\u202egnp.exe", "a gnp.exe"), ("株式会社 👩\u200d🚀", "株式会社 👩\u200d🚀")],
)
def test_terminal_control_characters_are_replaced_and_letters_stay(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), (" one\r\n\ttwo  three ", "one two three"), ("a\x1b\u202eb", "a??b"), ("x" * 9, "xxxx…")],
)
def test_foreign_text_is_one_printable_line_of_bounded_length(text: str, shown: str) -> None:
    assert one_line(text, 5 if text.startswith("x") else 50) == shown


def test_a_text_is_only_shortened_where_it_is_too_long() -> None:
    assert [shortened("abcd", longest) for longest in (5, 4, 3)] == ["abcd", "abcd", "ab…"]
