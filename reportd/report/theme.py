"""A report's own look: the custom properties in its `theme.css`, which every format follows.

```css
:root {
  --accent: #0b6a4a;
  --palette: #0b6a4a, #e69f3c, #7d8794;
  --font: "Brand Sans";
  --logo: url("logo.svg");
}
@font-face { font-family: "Brand Sans"; src: url("brand-sans.woff2"); font-weight: 400 }
```
Files are named as they lie in the report's directory. What a document may otherwise look like is a template's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reportd.errors import ReportError
from reportd.report.assets import FONTS, LOGOS, Asset, asset_of
from reportd.report.fault import fault, listed, nearest

FILE = "theme.css"
PALETTE = ("#1f5c99", "#e69f3c", "#848e9a", "#b8dcea", "#3b1f5e", "#b84a6e")
"""Each has a grey of its own, for printers without colour: 80, 169, 140, 211, 46 and 111 of 255."""
CONTRAST_LEAST = 4.5
"""What WCAG asks of text against its ground."""

_TEXTS = ("accent", "ink", "muted", "warn", "good")
_GROUNDS = ("tile", "stripe")
COLOURS = (*_TEXTS, "hairline", *_GROUNDS)
_KNOWN = (*COLOURS, "palette", "font", "logo")
_PALETTE_MAX = 12
_WHITE = "#ffffff"


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font that lies in the report's directory; `weight` and `style` as CSS has them."""

    family: str
    asset: Asset
    weight: str = "normal"
    style: str = "normal"


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours (`#rrggbb`) and fonts of a document.

    `ink` is text, `muted` what explains it, `hairline` the thin rules, `tile` and `stripe` the grounds below figures
    and every second row; `palette` are the measures of charts. `fonts` are families to be tried before our own.
    """

    accent: str = PALETTE[0]
    ink: str = "#1c232b"
    muted: str = "#56606b"
    hairline: str = "#d5dae0"
    tile: str = "#f2f5f9"
    stripe: str = "#f3f6f9"
    warn: str = "#a8330b"
    good: str = "#0b6a4a"
    palette: tuple[str, ...] = PALETTE
    fonts: tuple[str, ...] = ()
    files: tuple[FontFile, ...] = ()
    logo: Asset | None = None

    def colour(self, number: int) -> str:
        """The colour of the `number`th measure."""
        return self.palette[number % len(self.palette)]


DEFAULT = Theme()
"""Our own."""


def parse(path: str, text: str, *, assets: Mapping[str, str]) -> Theme:
    """The theme that the file at `path` gives; `assets` are the report's (name → base64).

    Errors: ReportError with file and line, for an unknown property, a value that is none, and text that nobody could
    read on its ground.
    """
    import tinycss2  # for the few reports that have a theme

    reader = _Reader(path, assets)
    for rule in tinycss2.parse_stylesheet(text.removeprefix("\ufeff"), skip_comments=True, skip_whitespace=True):
        if rule.type == "error":
            raise reader.fault(rule, f"is not CSS: {rule.message}")
        content = tinycss2.parse_blocks_contents(rule.content or [], skip_comments=True, skip_whitespace=True)
        for node in content:
            if node.type != "declaration":
                raise reader.fault(node, "only declarations stand here, such as --accent: #0b6a4a;")
        if rule.type == "qualified-rule" and tinycss2.serialize(rule.prelude).strip() == ":root":
            for declaration in content:
                reader.take(declaration)
        elif rule.type == "at-rule" and rule.lower_at_keyword == "font-face":
            reader.take_font(rule, content)
        else:
            message = f"{FILE} holds :root {{ … }} and @font-face; other rules go into the block style of a template"
            raise reader.fault(rule, message)
    return reader.theme()


class _Reader:
    def __init__(self, path: str, assets: Mapping[str, str]) -> None:
        self._path, self._assets = path, assets
        self._found: dict[str, Any] = {}
        self._nodes: dict[str, Any] = {}
        self._files: list[FontFile] = []

    def fault(self, node: Any, message: str) -> ReportError:
        return fault(self._path, message, line=node.source_line, column=node.source_column)

    def take(self, declaration: Any) -> None:
        """A property of `:root`."""
        name = declaration.name.removeprefix("--")
        if not declaration.name.startswith("--") or name not in _KNOWN:
            known = [f"--{each}" for each in _KNOWN]
            raise self.fault(
                declaration,
                f'unknown property "{declaration.name}"{nearest(declaration.name, known)} (known: {", ".join(known)})',
            )
        self._nodes[name] = declaration
        match name:
            case "palette":
                self._found[name] = self._palette(declaration)
            case "font":
                self._found["fonts"] = self._families(declaration)
            case "logo":
                self._found[name] = self._asset(declaration, LOGOS, example='url("logo.svg")')
            case _:
                self._found[name] = self._colour(declaration, declaration.value)

    def take_font(self, rule: Any, content: Sequence[Any]) -> None:
        """A `@font-face`."""
        given = {declaration.lower_name: declaration for declaration in content}
        for name, declaration in given.items():
            if name not in ("font-family", "src", "font-weight", "font-style"):
                known = ("font-family", "src", "font-weight", "font-style")
                raise self.fault(declaration, f'unknown descriptor "{name}" of @font-face{nearest(name, known)}')
        for name in ("font-family", "src"):
            if name not in given:
                raise self.fault(rule, f"@font-face needs {name}")
        family, *more = self._families(given["font-family"])
        if more:
            raise self.fault(given["font-family"], "@font-face names one family")
        self._files.append(
            FontFile(
                family,
                self._asset(given["src"], FONTS, example='url("brand-sans.woff2")'),
                weight=self._word(given.get("font-weight"), "normal", "bold", *map(str, range(100, 1000, 100))),
                style=self._word(given.get("font-style"), "normal", "italic", "oblique"),
            )
        )

    def theme(self) -> Theme:
        """What was read, once it can be seen that texts stand out from their grounds."""
        theme = replace(DEFAULT, **self._found, files=tuple(self._files))
        if "palette" not in self._found and "accent" in self._found:
            others = tuple(colour for colour in PALETTE if colour not in (theme.accent, PALETTE[0]))
            theme = replace(theme, palette=(theme.accent, *others))
        for name in _TEXTS:
            self._check_contrast(name, getattr(theme, name), _WHITE, "white")
        for name in _GROUNDS:
            for above in ("muted", "ink"):
                ground = getattr(theme, name)
                blame = name if name in self._nodes else above
                self._check_contrast(blame, getattr(theme, above), ground, f"--{name}", what=f"--{above}")
        return theme

    def _check_contrast(self, name: str, colour: str, ground: str, where: str, *, what: str | None = None) -> None:
        if name in self._nodes and (found := contrast(colour, ground)) < CONTRAST_LEAST:
            better = f"; {_readable(colour, ground)} would do" if name in _TEXTS else ""
            subject = what or f"--{name}"
            message = f"{subject}: {colour} has a contrast of {found:.1f} : 1 on {where}, and text needs 4.5{better}"
            raise self.fault(self._nodes[name], message)

    def _colour(self, declaration: Any, tokens: Sequence[Any]) -> str:
        import tinycss2
        from tinycss2.color4 import parse_color

        written = tinycss2.serialize(tokens).strip()
        colour = parse_color(written)
        if colour is None or isinstance(colour, str) or colour.alpha != 1:
            message = f'{declaration.name}: "{written}" is no opaque colour; write one such as #0b6a4a or teal'
            raise self.fault(declaration, message)
        parts = (round(min(max(part, 0.0), 1.0) * 255) for part in colour.to("srgb").coordinates)
        return "#" + "".join(f"{part:02x}" for part in parts)

    def _palette(self, declaration: Any) -> tuple[str, ...]:
        colours = tuple(self._colour(declaration, tokens) for tokens in _split(declaration.value))
        if len(colours) > _PALETTE_MAX:
            raise self.fault(
                declaration, f"--palette: {len(colours)} colours; at most {_PALETTE_MAX} can be told apart"
            )
        return colours

    def _families(self, declaration: Any) -> tuple[str, ...]:
        families = []
        for tokens in _split(declaration.value):
            solid = [token for token in tokens if token.type not in ("whitespace", "comment")]
            if len(solid) == 1 and solid[0].type == "string":
                name = solid[0].value
            elif solid and all(token.type == "ident" for token in solid):
                name = " ".join(token.value for token in solid)
            else:
                name = ""
            if not name.strip() or not name.isprintable() or len(name) > 100:
                raise self.fault(declaration, f'{declaration.name}: families are named as in "Brand Sans", sans-serif')
            families.append(name)
        return tuple(families)

    def _asset(self, declaration: Any, kinds: Mapping[str, str], *, example: str) -> Asset:
        solid = [token for token in declaration.value if token.type not in ("whitespace", "comment")]
        name = None
        if len(solid) == 1 and solid[0].type in ("url", "string"):
            name = solid[0].value
        elif len(solid) == 1 and solid[0].type == "function" and solid[0].lower_name == "url":
            name = next((token.value for token in solid[0].arguments if token.type == "string"), None)
        if name is None:
            raise self.fault(declaration, f"{declaration.name}: name a file of the report, such as {example}")
        try:
            return asset_of(name, self._assets, kinds=kinds)
        except ValueError as error:
            raise self.fault(declaration, f"{declaration.name}: {error}") from None

    def _word(self, declaration: Any, *known: str) -> str:
        """The only word of `declaration`, one of `known`; the first of them without a declaration."""
        import tinycss2

        if declaration is None:
            return known[0]
        word: str = tinycss2.serialize(declaration.value).strip().lower()
        if word not in known:
            raise self.fault(declaration, f'{declaration.name}: "{word}" is not {listed(known)}')
        return word


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG counts it, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(colour: str, ground: str) -> str:
    """`colour`, darkened until it can be read on `ground`."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    for share in range(99, -1, -1):
        darker = "#" + "".join(f"{part * share // 100:02x}" for part in parts)
        if contrast(darker, ground) >= CONTRAST_LEAST:
            return darker
    return "#000000"


def _split(tokens: Sequence[Any]) -> list[list[Any]]:
    """`tokens` between commas."""
    pieces: list[list[Any]] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces
