"""Words of a submission as HTML: each letter is a sign to be read, none does anything, and the work grows linearly."""

import html
import keyword
import re

from course_tools.classroom.tokens import tokens_of

_PICTURE = re.compile(r"data:image/[\w.+-]+;base64,[\w+/=]*")  # as Colab keeps one in a text
# What has no sign of its own and yet belongs to a text: it joins letters, keeps words together, or tells a direction.
_OF_PROSE = {"\u00a0", "\u00ad", "\u200c", "\u200d", "\u200e", "\u200f", "\u202f", "\u3000"}
_TAGS = {"comment": "i", "string": "u"}

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top }
pre, code { font: 14px/1.45 ui-monospace, monospace } summary { cursor: pointer; color: #0b57a4 }
pre { background: #f6f6f6; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; overflow: hidden }
/* Code stands in the order in which it is run, whatever script its letters are of; what is quoted in it is text. */
pre.code { direction: ltr; unicode-bidi: isolate-override }
pre.code b { color: #6a1b9a; font-weight: 600 } pre.code i { color: #556; unicode-bidi: isolate }
pre.code u { color: #1b5e20; text-decoration: none; unicode-bidi: isolate }
.prose { white-space: pre-wrap; overflow-wrap: anywhere; overflow: hidden; unicode-bidi: plaintext;
  background: #f6f6f6; padding: .7rem }
"""


def visible(text: str, *, prose: bool = False) -> str:
    """The text, with a name in place of each letter that can't be seen or moves others: "⟨U+202E⟩", "⟨U+001B⟩".

    prose: leave what a written text needs in some scripts, say the joiners of Arabic and Hindi.
    """
    text = re.sub(r"\r\n?", "\n", text)  # all three end a line, for Python, too
    if text.isprintable():
        return text
    kept = {"\n", "\t", *_OF_PROSE} if prose else {"\n", "\t"}
    return "".join(one if one.isprintable() or one in kept else f"⟨U+{ord(one):04X}⟩" for one in text)


def shorten(text: str, most: int, note: str) -> str:
    """The first `most` letters; below them the note, if that is not all."""
    return text if len(text) <= most else f"{text[:most]}\n{note}"


def code_to_show(source: str, most: int) -> str:
    """Code as it may be shown: at most two blank lines in a row, `most` letters, no letter that hides or moves others.

    Where it was cut it says so.
    """
    kept: list[str] = []
    blank = length = 0
    for line in re.sub(r"\r\n?", "\n", source).splitlines(keepends=True):
        blank = 0 if line.strip() else blank + 1
        if blank <= 2:
            kept.append(line)
            length += len(line)
        if length > most:
            break
    return visible(shorten("".join(kept), most, "# [The rest is not shown.]"))


def code_html(source: str) -> str:
    """Code with its keywords, texts and comments in colours, without the element around it."""
    parts = []
    for token in tokens_of(source):
        text = html.escape(token.text, quote=False)
        tag = "b" if token.kind == "name" and keyword.iskeyword(token.text) else _TAGS.get(token.kind)
        parts.append(f"<{tag}>{text}</{tag}>" if tag else text)
    return "".join(parts)


def prose_to_show(text: str, most: int) -> str:
    """A written answer as it may be shown: its pictures by name, `most` letters; where it was cut it says so."""
    return shorten(visible(_PICTURE.sub("[picture]", text), prose=True), most, "[The rest is not shown.]")


def text_html(text: str) -> str:
    """Words of a submission, say an error message, as HTML."""
    return html.escape(visible(text, prose=True))


def page_html(title: str, body: str, *, style: str = "") -> str:
    """A page of its own, which loads nothing and runs nothing: its browser is told so, too."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>
{STYLE}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
