"""What `amodal train` tells of recipes: its help, what it prints, and those that come with the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from amodal.cli import main as cli


def test_help_is_light_and_tells_every_field(root: Path) -> None:
    code = (
        "import sys\nfrom amodal.cli.main import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'timm', 'onnxruntime', 'numpy', 'PIL', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
    )
    assert ran.stdout.strip().endswith("[]"), ran.stderr
    for field in ("--modal.lr", "--amodal.network.margin", "--amodal.network.std", "--synthesis.trim", "--seed"):
        lines = ran.stdout[ran.stdout.index(f"\n  {field} ") :].split("\n  --")[1]
        assert "(type:" in lines and len(lines.split("(type:")[0].split()) > 4, lines  # words that explain it


def test_print_config_gives_a_recipe_that_is_read_again(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from amodal.cli.recipe_file import check_recipe

    monkeypatch.chdir(root)
    own = ["--images", "mine", "--annotations", "m.json"]
    for recipe, words in (("recipes/smoke.yaml", ["--seed", "5"]), ("finetune", own)):
        assert cli.main(["train", "--recipe", recipe, *words, "--print_config"]) == 0
        printed = capsys.readouterr().out
        again = tmp_path / "again.yaml"
        again.write_text(printed)
        assert cli.main(["train", "--recipe", str(again), "--print-config"]) == 0
        assert capsys.readouterr().out == printed
        found = check_recipe(again)
        given = check_recipe(root / "recipes" / f"{Path(recipe).stem}.yaml")
        assert found.amodal == given.amodal and found.synthesis == given.synthesis
        if words[0] == "--seed":
            assert found.data == given.data and found.seed == 5
        else:
            assert [source.images for source in found.data] == ["mine"] and found.data[0].validation_share == 0.1
    nothing = tmp_path / "run"
    assert cli.main(["train", "--recipe", "finetune", "--print_config", "--output", str(nothing)]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert "data" not in printed and printed["start_from"] == "shipped" and not nothing.exists()


@pytest.mark.parametrize("recipe", sorted(p.name for p in (Path(__file__).parents[2] / "recipes").glob("*.yaml")))
def test_the_recipes_of_the_repository_are_right(root: Path, recipe: str) -> None:
    from amodal.cli.recipe_file import check_recipe

    check_recipe(root / "recipes" / recipe)


def test_the_recipe_to_fine_tune_by_fits_the_shipped_weights(root: Path) -> None:
    from amodal.cli.recipe_file import check_recipe
    from amodal.models.weights import read_model_config

    recipe = check_recipe(root / "recipes" / "finetune.yaml")
    for role in ("modal", "amodal"):
        assert getattr(recipe, role).network == read_model_config(root / "weights", role)  # type: ignore[arg-type]
