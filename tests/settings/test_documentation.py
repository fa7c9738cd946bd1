from __future__ import annotations

import re

from tests.site import ROOT


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    source = (ROOT / "settings" / "base.py").read_text()
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source))
    table = (ROOT / "docs" / "operate.md").read_text().split("## What can be set")[1].split("\n## ")[0]
    assert read == set(re.findall(r"^\| `([A-Z_]+)` \|", table, flags=re.MULTILINE))
    assert len(read) > 15


def test_what_the_containers_are_given_is_something_that_is_read() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    given = compose.split("x-environment:")[1].split("\n\n")[0]
    names = {name.removesuffix("_FILE") for name in re.findall(r"^  ([A-Z_]+):", given, flags=re.MULTILINE)}
    source = (ROOT / "settings" / "base.py").read_text()
    assert names
    assert names <= set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source))


def test_the_image_takes_in_every_app_and_nothing_that_is_private() -> None:
    taken = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE))
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps < taken
    assert taken.isdisjoint({"var", "secrets", "tests", ".env", ".git", ".venv"})
