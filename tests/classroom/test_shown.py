"""Words of a submission on a page: letter for letter, none hidden, in one pass whatever they are."""

import ast
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from course_tools.classroom.shown import code_html, code_to_show, page_html, prose_to_show, shorten, text_html, visible
from course_tools.classroom.tokens import tokens_of

# What stops highlighters for minutes, and what could stop this one: each grows with `n`.  With work that grows as the
# square, 300,000 letters would not be over within a day.
HOSTILE = {
    "dots": lambda n: "." * n,
    "perl": lambda n: "%%perl\nm{" + "a" * n,
    "one word": lambda n: "a" * n,
    "match and blanks": lambda n: "match" + " " * n,
    "versions": lambda n: "1." * (n // 2),
    "blank lines": lambda n: "\n" * n,
    "blank lines of all kinds": lambda n: "\n \r\n\t\r\x0b\x0c" * (n // 7),
    "an open text": lambda n: "'" + "a" * n,
    "an open long text": lambda n: '"""' + "a\n" * (n // 2),
    "open long texts in each other": lambda n: "\"\"\"'''" * (n // 6),
    "quotes": lambda n: '"' * n,
    "quotes by turns": lambda n: "'\"" * (n // 2),
    "texts that end with the line": lambda n: '"a\n' * (n // 3),
    "escapes": lambda n: '"' + "\\" * n,
    "escapes before quotes": lambda n: '"\\' * (n // 2),
    "prefixes": lambda n: "rb" * (n // 2),
    "prefixes before quotes": lambda n: "f'" * (n // 2),
    "brackets": lambda n: "(" * n,
    "braces in f-strings": lambda n: "f'{" * (n // 3),
    "decorators": lambda n: "@a." * (n // 3),
    "comments": lambda n: "#" * n,
    "exponents": lambda n: "1e" * (n // 2),
    "exponents with signs": lambda n: "1e+" * (n // 3),
    "underscores": lambda n: "_" * n,
    "digits": lambda n: "9" * n,
    "other digits": lambda n: "٣" * n,
    "other letters": lambda n: "ש" * n,
    "combining marks": lambda n: "a" + "\u0301" * n,
    "colons": lambda n: "class a" * (n // 7) + ":" * n,
    "stars": lambda n: "*" * n,
    "operators": lambda n: "<>=!" * (n // 4),
    "backslashes and lines": lambda n: "\\\n" * (n // 2),
    "magics": lambda n: "%" * n,
    "from and import": lambda n: "from . import " * (n // 14),
    "elif": lambda n: "elif x:\n" * (n // 8),
    "overrides": lambda n: "\u202e" * n,
    "escape signs": lambda n: "\x1b[" * (n // 2),
    "pictures begun": lambda n: "data:image/" * (n // 11),
    "a picture without an end": lambda n: "data:image/" + "a" * n,
    "entities": lambda n: "&" * n,
    "tags": lambda n: "<b" * (n // 2),
}


def read(page: str) -> str:
    """What a browser shows of some HTML."""
    heard: list[str] = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = heard.append  # type: ignore[method-assign]
    parser.feed(page)
    parser.close()
    return "".join(heard)


@pytest.mark.slow
@pytest.mark.parametrize("attack", HOSTILE)
def test_whatever_a_cell_holds_it_is_gone_through_once(attack):
    source = HOSTILE[attack](300_000)
    assert "".join(token.text for token in tokens_of(source)) == source
    assert read(code_html(source)) == source
    assert len(code_to_show(source, 10_000)) <= 8 * 10_000 + 40
    assert len(prose_to_show(source, 10_000)) <= 8 * 10_000 + 40


def test_the_pieces_of_code_are_what_python_takes_them_for():
    code = "def f(a_1):  # it's\n    return f'x' + \"y\\\"z\" ** 1.5e-3, '''a\n'b''' <= .5"
    kinds = [(token.kind, token.text) for token in tokens_of(code) if token.kind not in ("space", "sign")]
    assert kinds == [
        ("name", "def"),
        ("name", "f"),
        ("name", "a_1"),
        ("comment", "# it's"),
        ("line", "\n"),
        ("name", "return"),
        ("string", "f'x'"),
        ("string", '"y\\"z"'),
        ("number", "1.5e-3"),
        ("string", "'''a\n'b'''"),
        ("number", ".5"),
    ]
    assert [token.text for token in tokens_of(code) if token.kind == "sign"] == [*"():+", "**", ",", "<="]
    assert all(code[token.start :].startswith(token.text) for token in tokens_of(code))


@pytest.mark.parametrize("text", ['"""a\nb "" c', "'''a\n\\b''", "'a b", 'f"x\\y'])
def test_a_text_that_is_not_closed_is_one_piece(text):
    assert [token.text for token in tokens_of(f"x = {text}")][4:] == [text]
    assert [token.kind for token in tokens_of("'a\nb")] == ["string", "line", "name"]


def test_all_of_the_courses_own_code_is_taken_apart_as_python_does(checkout: Path):
    for path in sorted(checkout.glob("course_lib/**/*.py")):
        source = path.read_text()
        texts = [ast.literal_eval(t.text) for t in tokens_of(source) if t.kind == "string" and t.text[0] in "'\""]
        names = {token.text for token in tokens_of(source) if token.kind == "name"}
        tree = ast.parse(source)
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        assert names >= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in inside}, path
        assert all(isinstance(text, str) for text in texts), path


def test_colours_are_around_keywords_texts_and_comments():
    assert code_html("for x in 'a<b':  # c&d") == "<b>for</b> x <b>in</b> <u>'a&lt;b'</u>:  <i># c&amp;d</i>"


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\x1b", "\x00", "\u200b", "\u2028", "\ufeff", "\x08", "\ud800"])
def test_a_letter_that_hides_or_moves_others_is_named(letter):
    named = f"⟨U+{ord(letter):04X}⟩"
    assert visible(f"a{letter}b") == f"a{named}b"
    assert named in visible(f"a{letter}b", prose=True)
    assert named in read(code_html(code_to_show(f"x = '{letter}'", 100)))
    assert named in read(text_html(letter))
    assert letter not in prose_to_show(letter, 100)


def test_what_texts_in_other_scripts_need_stays_in_prose_but_not_in_code():
    for text in ("می\u200cخواهم", "क्\u200dष", "12\u00a0000", "\u200fשלום"):
        assert visible(text, prose=True) == text
        assert "⟨U+" in visible(text)
    assert visible("café 猫 \t x\n") == "café 猫 \t x\n"


def test_a_line_ends_where_python_ends_it():
    assert visible("# a\rimport os\r\nx") == "# a\nimport os\nx"
    assert code_to_show("# a\rimport os", 100) == "# a\nimport os"


def test_code_is_shown_with_two_blank_lines_at_most_and_says_where_it_was_cut():
    assert code_to_show("a\n\n\n\n\n \n\t\nb", 100) == "a\n\n\nb"
    assert code_to_show("x = 1\n" * 100, 20) == "x = 1\nx = 1\nx = 1\nx \n# [The rest is not shown.]"
    assert shorten("abc", 3, "more") == "abc"
    assert prose_to_show("abcdef", 3) == "abc\n[The rest is not shown.]"
    assert prose_to_show(f"see ![](data:image/png;base64,{'iVBO+/' * 9}==) there", 30) == "see ![]([picture]) there"


def test_no_letter_of_a_text_is_markup():
    text = "</pre><script>alert(1)</script>&lt;'\" ** `x` __y__ $z$"
    for shown in (text_html(text), code_html(text), html.escape(prose_to_show(text, 1000))):
        assert not re.search(r"<(?!/?[biu]>)", shown)
        assert read(shown) == text


def test_a_page_asks_nothing_of_anybody():
    page = page_html("A <b>", "<p>x</p>")
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<title>A &lt;b&gt;</title>" in page
