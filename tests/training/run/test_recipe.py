# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Recipes: every named one is valid, overrides are typed, mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy_training.run.recipe import load_recipe, named_recipes


def test_every_named_recipe_loads() -> None:
    assert "quick" in named_recipes()
    for name in named_recipes():
        assert load_recipe(name).epochs > 0


def test_overrides_have_the_fields_types() -> None:
    recipe = load_recipe(
        "quick", {"epochs": "3", "lr": "1", "flip": "false", "schedule": "multistep", "milestones": "[1, 2]"}
    )
    assert (recipe.epochs, recipe.lr, recipe.flip, recipe.milestones) == (3, 1.0, False, (1, 2))
    assert type(recipe.lr) is float


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('epochs = 2\nbatch = 8\nlr = 0.1\nschedule = "cosine"\n')
    assert load_recipe(str(path)).schedule == "cosine"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": "3"}, "no field 'epoch'"),
        ({"epochs": "many"}, "epochs must be of type int"),
        ({"epochs": "1.5"}, "epochs must be of type int"),
        ({"epochs": "true"}, "epochs must be of type int"),
        ({"epochs": "0"}, "epochs must be from 1"),
        ({"lr": "-1"}, "lr must be from 0"),
        ({"lr": "nan"}, "lr must be from 0"),
        ({"flip": "1"}, "flip must be of type bool"),
        ({"schedule": "random"}, "schedule must be one of"),
        ({"schedule": "step"}, "step_epochs"),
        ({"schedule": "multistep"}, "milestones"),
        ({"milestones": "5"}, "list of integers"),
        ({"label_smoothing": "1"}, "label_smoothing must be from 0"),
        ({"accumulate": "3"}, "batch 256 cannot be cut into 3"),
        ({"momentum": "0.0"}, "nesterov needs momentum"),
    ],
)
def test_mistakes_are_named(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe("quick", overrides)


@pytest.mark.parametrize(
    ("text", "message"), [("epochs = ", "not a TOML file"), ("epochs = 2\n", "batch, lr, schedule missing")]
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(MdeployError, match=message):
        load_recipe(str(tmp_path / "a.toml"))


def test_unknown_names_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no recipe named 'slow'.*quick"):
        load_recipe("slow")
    with pytest.raises(InputError, match=r"none\.toml"):
        load_recipe(str(tmp_path / "none.toml"))
