"""Python's words and signs in one pass, for code that nobody vouches for: whatever it is, the work grows linearly.

Python's own tokenizer refuses what is not Python, and highlighters take minutes for some cells of 20,000 letters.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Each branch, once it has begun, takes what it can and never gives back (`++`, `*+`): no letter is looked at again and
# again.  What is not closed ends with the line, or with the text.
_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*+)
  | (?P<string>[rRbBuUfF]{0,2}+(?:
        \"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:\"{3})?+
      | '{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?+
      | "(?:[^"\\\n]++|\\.)*+"?+
      | '(?:[^'\\\n]++|\\.)*+'?+ ))
  | (?P<number>\.?\d(?:[eE][+-]?\d|[\w.])*+)
  | (?P<name>[^\W\d]\w*+)
  | (?P<space>[^\S\n]++)
  | (?P<line>\n)
  | (?P<sign>(?:\*\*|//|<<|>>)=?|->|:=|[<>=!+*/%&|^@~-]=?|.)
    """,
    re.X | re.S,
)


class Token(NamedTuple):
    """A piece of code: comment, string, number, name (or keyword), space, line (its end) or sign."""

    kind: str
    text: str
    start: int  # where it stands in the code


def tokens_of(source: str) -> Iterator[Token]:
    """The pieces of a source, in order; together they are the source, letter for letter."""
    for found in _TOKEN.finditer(source):
        yield Token(found.lastgroup or "", found[0], found.start())
