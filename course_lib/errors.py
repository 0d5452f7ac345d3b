"""The one kind of error that the course raises on purpose; every lesson may meet it."""


class CourseError(ValueError):
    """Something the reader can mend.  The message is one sentence: what is wrong, what to do."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this: a notebook shows the sentence instead of a page of library internals.
        return [f"{type(self).__name__}: {self}"]
