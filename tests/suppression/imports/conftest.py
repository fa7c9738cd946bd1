from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Account, Role
from tests import make
from tests.suppression.imports.importing import Importer


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "imports"
    settings.IMPORTS_FOLDER = path
    return path


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def olga(acme: Account) -> Importer:
    return Importer(acme, make.member(acme, "olga", Role.ADMIN))
