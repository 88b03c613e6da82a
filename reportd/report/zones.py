"""Time zones by their IANA name."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from reportd.report.fault import nearest


def zone_of(name: str) -> ZoneInfo:
    """The zone called `name`. Errors: ValueError, with the nearest name there is."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a directory of zones, or too long
        hint = nearest(name, available_timezones())
        raise ValueError(f'there is no time zone "{name}"{hint} (a name such as Europe/Vienna)') from None
