"""Commands that are ended from outside, as by a shutdown or a closed terminal."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from amodal.cli.main import main


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without it")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["convert", "FILE", "OUT", "--to", "yolo", "--drop"], "amodal.datasets.yolo.write_text"),
        (["check", "FILE", "--fix", "OUT"], "amodal.datasets.write.bounded"),
        (["predict", "PHOTO", "--box", "2,2,9,9", "--output", "OUT"], "amodal.report.overlay.drawn_picture"),
    ],
)
def test_what_was_begun_goes(
    tiny_set: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    where: str,
    name: str,
) -> None:
    images, file = tiny_set
    number = getattr(signal, name)
    met = []

    def ended(*_: object, **__: object) -> None:
        met.append(signal.getsignal(number))
        assert callable(met[0])  # the default one would end this process at once
        signal.raise_signal(number)

    monkeypatch.setattr(where, ended)
    before = signal.getsignal(number)
    named = {"FILE": file, "OUT": tmp_path / "out", "PHOTO": next(images.iterdir())}
    with pytest.raises(SystemExit) as problem:
        main([str(named.get(word, word)) for word in words])
    assert problem.value.code == 128 + number and met and signal.getsignal(number) == before
    assert not list(tmp_path.glob("*out*"))
