"""`reportd doctor`: look for what would stop reportd here, and say the remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from reportd import plugins, telemetry
from reportd.cli import host_probes, server_probes
from reportd.cli.finding import SIGNS, Finding, fault, ok
from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.config import Config, load, sources
from reportd.errors import ConfigError, DatabaseUnavailable

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "red"}


@click.command()
@json_option
@database_options
def doctor(*, as_json: bool, dsn: str | None, config_path: Path | None) -> int:
    """Look at everything that reportd needs: configuration, database, formats, disk. Exit status 1 on a fault (✗)."""
    telemetry.configure(level="error")
    findings = asyncio.run(_examine(dsn, config_path))
    if as_json:
        emit_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    return 1 if any(finding.state == "fault" for finding in findings) else 0


async def _examine(dsn: str | None, config_path: Path | None) -> list[Finding]:
    try:
        config = load(config_path, {"database.dsn": dsn})
    except ConfigError as error:
        return [fault("configuration", error.message, str(error.detail.get("hint") or "see config.example.toml"))]
    file = sources.find(config_path)
    findings = [ok("configuration", str(file) if file else "defaults and environment; no file")]
    documents = asyncio.create_task(host_probes.documents())
    findings += await _database(config, dsn, config_path)
    findings += await documents
    findings.append(await host_probes.charts())
    findings += host_probes.plugged()
    findings += host_probes.tasks([*config.tasks.modules, *plugins.tasks().values()])
    storage = config.storage
    places = {"state": storage.state_dir, "artifacts": storage.artifacts_dir, "spool": storage.spool_dir}
    findings += host_probes.storage(places)
    findings.append(host_probes.unit())
    findings.append(host_probes.embedded_postgres())
    return findings


async def _database(config: Config, dsn: str | None, config_path: Path | None) -> list[Finding]:
    database = config.database
    try:
        address = find_dsn(dsn, config_path)
    except DatabaseUnavailable as error:
        return [fault("postgres", error.message, str(error.detail["hint"]))]
    listen_dsn = (database.listen_dsn or address) if database.notify else None
    findings = [finding async for finding in server_probes.queue(address, listen_dsn=listen_dsn)]
    if all(finding.subject != "postgres" or finding.state == "ok" for finding in findings) or database.report_dsn:
        same = database.report_dsn is None
        findings += [finding async for finding in server_probes.source(database.report_dsn or address, same=same)]
    return findings


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        sign = click.style(SIGNS[finding.state], fg=_COLOURS[finding.state], bold=True)
        click.echo(f"{sign} {finding.subject:<{width}}  {finding.found}")
        if finding.remedy is not None:
            click.echo(f"  {'':<{width}}  → {finding.remedy}")
