"""`amodal train`: the smoke recipe through the command, and what a recipe may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from amodal.cli import main as cli

DATA = "data:\n  - {images: pictures, annotations: a.json}\n"


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a refused command line prints; that it is one line, and exit code 2."""
    try:
        code = cli.main(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capsys.readouterr()
    assert code == 2 and shown.out == "" and shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith("amodal: error: ")
    return shown.err.removeprefix("amodal: error: ").strip()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("stepz: 3\n" + DATA, ["stepz: a recipe has no such setting; found 3"]),
        (DATA + "modal: {stepz: 3}\n", ["modal.stepz: a recipe has no such setting; found 3"]),
        (DATA + "amodal: {network: {heat: 3}}\n", ["amodal.network.heat: ", "found 3"]),
        (DATA + "synthesis: {trimm: 0.1}\n", ["synthesis.trimm: ", "found 0.1"]),
        ("data:\n  - {images: a, annotations: b, heavy: 2}\n", ["data.heavy: ", "found 2"]),
        ("data:\n  - {images: a}\n", ["data", "annotations"]),
        (DATA + "modal: {steps: many}\n", ["modal.steps: a value of type int is expected; found many"]),
        (DATA + "modal: {optimizer: adam}\n", ["modal.optimizer", "adamw", "adam"]),
        (DATA + "workers: 1.5\n", ["workers", "int", "1.5"]),
        (DATA + "modal: {network: {widths: [8, x]}}\n", ["modal.network.widths", "x"]),
        (DATA + "modal: {steps: 0}\n", ["modal: steps is 1 or more; found 0"]),
        (DATA + "modal: {network: {patch_px: 0}}\n", ["modal.network: patch_px", "found 0"]),
        (DATA + "amodal: {network: {margin: 0.3}}\n", ["amodal.network.margin", "0.125", "found 0.3"]),
        ("data:\n  - {images: a, annotations: b, weight: 0}\n", ["data[0]: ", "weight", "found 0"]),
        ("synthesis: {trim: 0.7}\n", ["synthesis: trim is 0 to 0.45; found 0.7"]),  # without data, too
        ("data: [\n", ["line 2"]),
        ("- 3\n", ["- 3"]),
        ("", ["a recipe is keys and values; this file has none"]),
        ("# nothing\n", ["this file has none"]),
        (DATA + "modal:\n#  steps: 3\n", ["modal: has no value. Give one, or remove the line."]),
        (DATA + "modal: 5\n", ["modal: is a section: keys and values"]),
        (DATA + "modal: {network: 3}\n", ["modal.network: is a section: keys and values"]),
        (DATA + "modal: {network: }\n", ["modal.network: has no value"]),
        (DATA + "modal: {steps: null}\n", ["modal.steps: has no value"]),
        (DATA + "modal: {phases: ~}\n", ["modal.phases: has no value"]),
        (DATA + "synthesis: {behind: null}\n", ["synthesis.behind: has no value"]),
        *((f"{key}:\n{DATA}", [f"{key}: has no value"]) for key in ("seed", "photometric", "workers")),
        *((f"{key}: null\n{DATA}", [f"{key}: has no value"]) for key in ("output", "device", "start_from")),
        ("data:\n", ["data: has no value"]),
        ("data: [null]\n", ["data[0]: has no value"]),
        ("data: [a]\n", ["data[0]: is a section"]),
        ("data:\n  - {images: a, annotations: b, weight: }\n", ["data[0].weight: has no value"]),
        ("seed: 1\n" + DATA + "seed: 2\n", ["seed: a key stands once; it is in lines 1 and 4. Remove one of them."]),
        (DATA + "modal: {lr: 1, lr: 2}\n", ["modal.lr: a key stands once"]),
        ("{a: 1}: 3\n", []),
        (b"\xff\xfe: 3\n", ["UTF-8"]),
        (None, ["a recipe is a YAML file", "Check the path"]),
    ],
)
def test_a_recipe_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes | None, parts: list[str]
) -> None:
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = told(["train", "--recipe", str(path), "--output", str(tmp_path / "run")], capsys)
    assert message.startswith(f"{path}: ") and all(part in message for part in parts), message
    assert "class_path" not in message and "<class" not in message
    assert not (tmp_path / "run").exists()


def test_what_may_have_no_value(tmp_path: Path) -> None:
    from amodal.cli.recipe_file import check_recipe

    path = tmp_path / "recipe.yaml"
    path.write_text(DATA + "synthesis: {clear: null}\nmodal: &m {steps: 7}\namodal: {<<: *m, network: {margin: 0.125}}")
    recipe = check_recipe(path)
    assert recipe.synthesis.clear is None and recipe.amodal.steps == 7


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amodal.cli.recipe_file import check_recipe

    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "r.yaml"
    file.write_text("output: ~/runs\ndata:\n  - {images: ~/photos, annotations: a~/b.json}\n")
    recipe = check_recipe(file)
    assert (recipe.output, recipe.data[0].images) == (f"{tmp_path}/runs", f"{tmp_path}/photos")
    assert recipe.data[0].annotations == "a~/b.json"


def test_a_recipe_before_another_has_values_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(DATA + "seed:\n")
    second.write_text(DATA + f"start_from: {first}\n")
    assert told(["train", "--recipe", str(second)], capsys).startswith(f"{first}: seed: has no value")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["data"]),
        (["--modal.steps", "x"], ["modal.steps", "x", "amodal train --help"]),
        (["--modal.steps", "0"], ["modal: steps is 1 or more; found 0"]),
        (["--modal.stepz", "1"], ["--modal.stepz"]),
        (["--recipe"], ["--recipe", "one argument"]),
        (["--recipe", "."], ["YAML file"]),
    ],
)
def test_words_that_cannot_be(capsys: pytest.CaptureFixture[str], words: list[str], parts: list[str]) -> None:
    message = told(["train", *words], capsys)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    "words",
    [
        ["--output", "runs/mine", "--modal.lr=0.5", "--seed", "3", "--recipe", "finetune"],
        ["--out", "runs/mine", "--rec", "finetune", "--modal.lr", "0.5", "--seed", "3"],
        ["--recipe=finetune", "--seed=3", "--modal.lr", "0.5", "--output", "runs/mine"],
        ["--modal.lr", "0.5", "--modal", "LR.yaml", "--output", "runs/mine", "--seed", "3", "--recipe", "finetune"],
        ["--recipe", "finetune", "--seed", "3", "--modal", "LR.yaml", "--modal.lr", "0.5", "--output", "runs/mine"],
    ],
)
def test_words_win_over_files_wherever_they_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "lr.yaml").write_text("lr: 0.25\nwarmup_steps: 50\n")
    words = [str(tmp_path / "lr.yaml") if word == "LR.yaml" else word for word in words]
    assert cli.main(["train", *words, "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["output"], printed["seed"], printed["modal"]["lr"]) == ("runs/mine", 3, 0.5)
    assert (printed["modal"]["warmup_steps"], printed["start_from"]) == (50, "shipped")  # the recipe's


@pytest.mark.parametrize("between", [[], ["--seed", "3"]])
def test_a_second_recipe_is_refused(capsys: pytest.CaptureFixture[str], between: list[str]) -> None:
    message = told(["train", "--recipe", "smoke", *between, "--recipe=finetune", "--print_config"], capsys)
    assert "--recipe is given once; found" in message and "smoke.yaml and " in message


def test_words_that_are_none_of_a_recipe_stand_where_they_like(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--resume", "--images", "mine", "--annotations", "m.json", "--validation", "kept.txt", "--print_config"]
    assert cli.main(["train", *own, "--recipe=finetune", "--output=runs/mine", "--modal.lr", "1e-4"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["output"], printed["modal"]["lr"]) == ("runs/mine", 1e-4)
    assert printed["data"][0]["validation"] == "kept.txt"


def test_data_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "recipe.yaml"
    path.write_text(f"output: {tmp_path / 'run'}\n" + DATA)
    assert told(["train", "--recipe", str(path)], capsys).startswith("a.json: ")
    assert not (tmp_path / "run").exists()


def test_the_smoke_recipe(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train, refuse to run over it, resume, with the slow export stood in for (tests/training/test_ship.py has it)."""
    pytest.importorskip("torch")
    from amodal.inference import export

    monkeypatch.chdir(root)
    monkeypatch.setattr(export, "export_onnx", lambda network, path: path.write_bytes(b"onnx"))
    few = ["--modal.steps", "2", "--amodal.steps", "2", "--modal.batch_size", "4", "--amodal.batch_size", "4"]
    words = [
        "train",
        "--recipe",
        "recipes/smoke.yaml",
        *few,
        "--validation_examples",
        "4",
        "--calibration_examples",
        "8",
    ]
    words += ["--workers", "0", "--output", str(tmp_path / "run")]
    assert cli.main([*words, "--resume"]) == 0  # as in a job that may be started anew
    shown = capsys.readouterr()
    assert shown.out.endswith(f"weights: {tmp_path / 'run' / 'weights'}\n")
    assert shown.err.startswith(f"{tmp_path / 'run'}: no run to go on with; one begins\n")
    told_once = "amodal: warning: modal: 2 steps end at 0.2 of the learning rate, which rises over warmup_steps, 10; "
    assert sum(line.startswith(told_once) for line in shown.err.splitlines()) == 1
    follows = shown.err.splitlines()[-1]
    assert follows.startswith("next: amodal predict --images examples/images --annotations examples/annotations.json")
    assert follows.endswith(
        f"--weights {tmp_path / 'run' / 'weights'} --output {tmp_path / 'run' / 'predictions.json'}"
    )
    config = json.loads((tmp_path / "run" / "weights" / "config.json").read_text())
    made_with = config["notes"]["recipe"]
    assert made_with["modal"]["steps"] == 2 and made_with["data"][0]["images"] == "examples/images"
    assert made_with["data"][0]["weight"] == 1.0 and made_with["amodal"]["network"]["heat_px"] == 40

    words += ["--thresholds", "paper", "--calibration_examples", "0"]  # which a run may be resumed with
    assert "--resume" in told(words, capsys)
    before = (tmp_path / "run" / "amodal" / "log.jsonl").read_text()
    assert cli.main([*words, "--resume"]) == 0
    assert (tmp_path / "run" / "amodal" / "log.jsonl").read_text() == before
    again = ["train", "--recipe", str(tmp_path / "run" / "recipe.json"), "--resume", *words[-4:]]
    assert cli.main(again) == 0  # what a run leaves is a recipe
    capsys.readouterr()
    said = told([*words, "--resume", "--seed", "1", "--modal.lr", "0.5"], capsys)
    assert "recipe it began with" in said and "; seed: 0 then, 1 now)" in said and "modal.lr: 0.0" in said
    assert "then, 0.5 now" in said and "Give the recipe unchanged" in said


def test_an_interrupted_run_says_how_it_goes_on(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from amodal.training import ship

    def interrupted(*_: Any, **__: Any) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(ship, "train_and_ship", interrupted)
    words = ["train", "--recipe", str(root / "recipes" / "smoke.yaml"), "--output", str(tmp_path / "run")]
    assert cli.main(words) == 130
    assert capsys.readouterr().err == "amodal: interrupted; go on with --resume\n"


def test_a_recipe_that_another_one_comes_before(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from amodal.inference import export
    from amodal.training import ship

    monkeypatch.chdir(root)
    monkeypatch.setattr(export, "export_onnx", lambda network, path: path.write_bytes(b"onnx"))
    begun: list[str] = []
    at_work = ship.at_work

    def counted(recipe: Any, *words: Any) -> Any:
        begun.append(recipe.output)
        return at_work(recipe, *words)

    monkeypatch.setattr(ship, "at_work", counted)
    recipe = yaml.safe_load((root / "recipes" / "smoke.yaml").read_text())
    recipe |= {"thresholds": "paper", "calibration_examples": 0, "validation_examples": 4, "workers": 0}
    for stage in ("modal", "amodal"):
        recipe[stage] |= {"steps": 2, "batch_size": 4}
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    (tmp_path / "first.yaml").write_text(yaml.safe_dump(recipe | {"output": first}))
    later = {"output": second, "start_from": str(tmp_path / "first.yaml"), "seed": 3}
    (tmp_path / "second.yaml").write_text(yaml.safe_dump(recipe | later))
    assert cli.main(["train", "--recipe", str(tmp_path / "second.yaml")]) == 0
    assert begun == [first, second]
    resolved = json.loads((tmp_path / "second" / "recipe.json").read_text())
    assert resolved["start_from"] == f"{first}/weights"
    # the first is not trained again, the second is another run's
    assert cli.main(["train", "--recipe", str(tmp_path / "second.yaml"), "--output", str(tmp_path / "third")]) == 0
    assert begun == [first, second, str(tmp_path / "third")]
    capsys.readouterr()
    assert "--resume" in told(["train", "--recipe", str(tmp_path / "second.yaml")], capsys)


def test_photographs_of_ones_own(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--images` and `--annotations` take the place of the recipe's data; a tenth is kept, or what a list names."""
    pytest.importorskip("torch")
    from amodal.training import ship

    made: list[Any] = []

    def noted(recipe: Any, *, resume: bool) -> Path:
        made.append(recipe)
        return tmp_path

    recipe = tmp_path / "r.yaml"
    recipe.write_text("data:\n  - {images: theirs, annotations: t.json, weight: 3}\n")
    words = ["train", "--recipe", str(recipe), "--images", "mine"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ship, "train_and_ship", noted)
        assert cli.main([*words, "--annotations", "m.json"]) == 0
        assert cli.main([*words, "--annotations", "m.json", "--validation", "kept.txt"]) == 0
        assert cli.main([*words, "--annotations", "m.json", "--validation-share", "0"]) == 0
    share, listed, none = (one.data for one in made)
    assert len(share) == len(listed) == 1
    assert (none[0].validation, none[0].validation_share) == ("", 0.0)
    assert (share[0].images, share[0].annotations, share[0].weight) == ("mine", "m.json", 1.0)
    assert (share[0].validation, share[0].validation_share) == ("", 0.1)
    assert (listed[0].validation, listed[0].validation_share) == ("kept.txt", 0.0)
    capsys.readouterr()
    both = ["--annotations", "m.json"]
    for rest in ([], [*both, "--voc", "VOC2012"], [*both, "--voc-list", "val.txt"]):
        assert "named by --images and --annotations, both" in told([*words, *rest], capsys)
    assert "for a source without a validation list" in told(
        [*words, *both, "--validation", "kept.txt", "--validation-share", "0.1"], capsys
    )
    assert "--recipe finetune" in told(["train", "--images", "mine", *both], capsys)


def test_the_shipped_recipe_is_found_by_its_word_anywhere(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from amodal.cli.recipe_file import find_recipe
    from amodal.training import ship

    made: list[Any] = []

    def noted(recipe: Any, *, resume: bool) -> Path:
        made.append(recipe)
        return tmp_path

    monkeypatch.setattr(ship, "train_and_ship", noted)
    monkeypatch.chdir(tmp_path)
    words = ["train", "--images", "mine", "--annotations", "m.json", "--recipe"]
    assert cli.main([*words, "finetune"]) == 0
    assert Path(made[0].start_from) == root / "weights"
    assert made[0].modal.network.others  # not a recipe of defaults
    assert cli.main([*words, "finetune", "--start_from", "./shipped"]) == 0
    assert made[1].start_from == "./shipped"
    capsys.readouterr()
    assert "a YAML file, or the word finetune" in told([*words, "finetoon"], capsys)
    (tmp_path / "finetune").mkdir()  # a folder of that name is in nobody's way
    assert cli.main([*words, "finetune"]) == 0
    capsys.readouterr()
    (tmp_path / "finetune").rmdir()
    (tmp_path / "finetune").write_text("steps: here")
    assert "finetune" in told([*words, "finetune"], capsys)  # a file of that name comes first
    installed = tmp_path / "site" / "amodal"
    (installed / "recipes").mkdir(parents=True)
    (installed / "recipes" / "finetune.yaml").write_text("")
    monkeypatch.chdir(root)
    monkeypatch.setattr("amodal.cli.recipe_file.resources.files", lambda package: tmp_path / "site" / package)
    assert find_recipe("finetune") == installed / "recipes" / "finetune.yaml"
    assert find_recipe("../amodal/recipes/finetune") == Path("../amodal/recipes/finetune")


def test_recipes_that_cannot_follow_each_other(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(root)
    recipe = yaml.safe_load((root / "recipes" / "smoke.yaml").read_text())

    def write(name: str, **changes: Any) -> str:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(recipe | {"output": str(tmp_path / name)} | changes))
        return str(path)

    one, other = (str(tmp_path / f"{name}.yaml") for name in ("one", "other"))
    write("one", start_from=other), write("other", start_from=one)
    assert "one does not start from itself" in told(["train", "--recipe", one], capsys)
    words_alone = write("words", start_from=write("without", data=[]))
    assert "has data of its own" in told(["train", "--recipe", words_alone], capsys)
    alone = write("alone", start_from=write("modal", stages=["modal"]))
    assert "both networks start from the recipe" in told(["train", "--recipe", alone], capsys)
    lost = write("lost", start_from=write("first"), modal_from=str(tmp_path / "nowhere"))
    assert "modal_from is the folder of a run" in told(["train", "--recipe", lost], capsys)  # before "first" is trained
    later = write("later", start_from=write("first"))
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    assert "with several processes" in told(["train", "--recipe", later], capsys)
    assert not any(path.is_dir() for path in tmp_path.iterdir())
