"""Commands of `palaver people` and `palaver audit`: what is stored of people, and what was done with it."""

from __future__ import annotations

import click

PEOPLE: list[click.Command] = []
AUDIT: list[click.Command] = []
