"""Reads C++ just well enough for script/lint: comments and strings blanked, functions with their lines."""
import re

SCOPE = re.compile(r"(?:^|[;{}\s>\]])(?:inline\s+)?(namespace|class|struct|union|enum|extern\s*\"?)\b[^()=]*$")


def blank(text):
    """The text with comments, strings and character literals replaced by spaces; lines stay where they are."""
    out, i, n = [], 0, len(text)

    def skip(end):
        nonlocal i
        out.append(re.sub(r"[^\n]", " ", text[i:end]))
        i = end

    while i < n:
        c, two = text[i], text[i:i + 2]
        if two == "//":
            skip(text.find("\n", i) if "\n" in text[i:] else n)
        elif two == "/*":
            end = text.find("*/", i + 2)
            skip(n if end < 0 else end + 2)
        elif c == '"':
            raw = re.match(r'"([^\s()\\]{0,16})\(', text[i:i + 20]) if i and text[i - 1] == "R" else None
            if raw:
                end = text.find(")" + raw[1] + '"', i)
                skip(n if end < 0 else end + len(raw[1]) + 2)
            else:
                skip(_end_of_literal(text, i, '"'))
        elif c == "'" and not (i and text[i - 1].isalnum() and text[i - 1] not in "uUL"):
            skip(_end_of_literal(text, i, "'"))
        else:
            out.append(c)
            i += 1
    return "".join(out)


def _end_of_literal(text, at, quote):
    i = at + 1
    while i < len(text) and text[i] != quote and text[i] != "\n":
        i += 2 if text[i] == "\\" else 1
    return min(i + 1, len(text))


def functions(text):
    """(name, first line, last line) of each function body; what is inside a function counts as part of it."""
    text = re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), blank(text))
    found, scopes, depth_inside, begun, line = [], [], 0, 0, 1
    start_line, name = 0, ""
    for i, c in enumerate(text):
        if c == "\n":
            line += 1
        elif c == "{":
            if depth_inside:
                depth_inside += 1
                continue
            header = text[begun:i]
            if SCOPE.search(header.rstrip()):
                scopes.append(True)
                begun = i + 1
            else:
                depth_inside = 1
                start_line = line - header.lstrip().count("\n")
                named = re.search(r"([~\w:]+|operator\S+)\s*\(", header)
                name = named[1] if named else "" if header.strip() else "a function"
        elif c == "}":
            if depth_inside:
                depth_inside -= 1
                if depth_inside == 0:
                    if name:
                        found.append((name, start_line, line))
                    begun = i + 1
            elif scopes:
                scopes.pop()
                begun = i + 1
        elif c == ";" and not depth_inside:
            begun = i + 1
    return found
