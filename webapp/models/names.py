"""Names that people choose, of themselves and of what is theirs, wherever they come from."""


def one_line(text: str) -> str:
    """As displayed: one line, stripped, without control and invisible characters."""
    return " ".join("".join(letter for letter in text if letter.isprintable() or letter in "\t\n\r ").split())
