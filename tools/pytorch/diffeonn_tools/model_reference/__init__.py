"""References for a user's own model: its export, and what PyTorch makes of drawn inputs."""


class Refused(ValueError):
    """The references cannot be written; the message says in one line what was found and what to do."""


def first_line(error):
    """An exception in one line: its type and the first line of what it says that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:400]}" if lines else type(error).__name__
