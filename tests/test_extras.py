"""What is missing is named, with the command that installs it."""

import pytest

from orienteer.errors import InputError
from orienteer.extras import require_packages


def test_packages_that_are_there_pass() -> None:
    require_packages("explore", ("json", "csv"), extra="explore")


def test_the_first_missing_package_is_named() -> None:
    with pytest.raises(
        InputError,
        match=r'logger: wanted the package no_such_thing, got no no_such_thing\. Do this: pip install "orienteer\[x\]"',
    ):
        require_packages("logger", ["no_such_thing"], extra="x")
