"""The texts that the benchmarks scan: a tree of source files in mixed languages, and one JSONL file of chats.

The one rule: the same interpreter and the same downloads make the same bytes, so that figures from two days compare.
Packages are only unpacked, never installed: nothing of theirs runs.

    python benchmarks/corpus.py --cache FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from promptguard.rules.generate import fill

WHEELS = ("ansible==10.4.0", "django==5.1", "jupyterlab==4.2.5", "plotly==5.24.1", "sympy==1.13.3")
TARBALLS = (
    "@capacitor/android@6.1.2",  # Java
    "@wordpress/block-library@9.9.0",  # PHP, CSS
    "aws-sdk@2.1691.0",  # JSON
    "better-sqlite3@11.3.0",  # C
    "bootstrap@5.3.3",
    "core-js@3.38.1",
    "mathjax@3.2.2",
    "monaco-editor@0.52.0",
    "react-native@0.75.4",  # C++, Objective-C, Kotlin
    "three@0.169.0",
    "typescript@5.6.2",
)

LARGEST_FILE = 4_000_000
CHAT_BYTES = 300_000_000
PLANTED_EVERY = 100
"""One chat in so many holds a credential."""

# `.gitignore` would make scanners differ in what they read; source maps are not source.
LEFT_OUT = (".gitignore", ".ignore", ".map", ".pyc")

PLANTS = (
    "export AWS_ACCESS_KEY_ID=AKIA{{base32:16}}",
    "my slack bot token is xoxb-{{digits:12}}-{{digits:13}}-{{base62:24}}, why is it refused?",
    '{"ANTHROPIC_API_KEY": "sk-ant-api03-{{base64url:93}}AA"}',
    "postgresql://harbour:{{from:[0-9A-Za-z]:20}}@db.harbour.internal:5432/orders",
    "GITLAB_TOKEN=glpat-{{base64url:20}}",
    'stripe.api_key = "sk_live_{{base62:24}}"',
    "Authorization: Bearer {{jwt}}",
    "HF_TOKEN = 'hf_{{letters:34}}'",
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was built, and where."""

    tree: Path
    files: int
    tree_bytes: int
    chats: Path
    chat_bytes: int
    planted: int

    @classmethod
    def read(cls, cache: Path) -> Corpus | None:
        """The corpus that this folder holds, if it was built to the end."""
        try:
            written = json.loads((cache / "corpus.json").read_text("utf-8"))
        except FileNotFoundError:
            return None
        return cls(**written | {"tree": cache / "tree", "chats": cache / "chats.jsonl"})


def build(cache: Path, say: Callable[[str], None]) -> Corpus:
    """Makes the corpus in this folder; about 3 minutes and 1 GB of disk."""
    cache.mkdir(parents=True, exist_ok=True)
    tree, chats = cache / "tree", cache / "chats.jsonl"
    say("downloading packages")
    packages = download(cache / "downloads")
    say("unpacking them beside the standard library and site-packages")
    shutil.rmtree(tree, ignore_errors=True)
    for name, files in _origins(packages):
        for path, data in files:
            _keep(tree / name, path, data)
    say("writing the chats")
    planted = write_chats(tree, chats)
    sizes = [path.stat().st_size for path in tree.rglob("*") if path.is_file()]
    corpus = Corpus(tree, len(sizes), sum(sizes), chats, chats.stat().st_size, planted)
    (cache / "corpus.json").write_text(json.dumps(asdict(corpus), default=str), "utf-8")
    return corpus


def download(folder: Path) -> list[Path]:
    """The packages, as pip and npm have them; without npm the tree is smaller."""
    folder.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--only-binary", ":all:", *WHEELS], cwd=folder, check=True)
    if npm := shutil.which("npm"):
        subprocess.run([npm, "pack", "--silent", *TARBALLS], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return sorted(path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"})


Files = Iterator[tuple[str, bytes]]


def _origins(packages: list[Path]) -> Iterator[tuple[str, Files]]:
    paths = sysconfig.get_paths()
    yield "stdlib", _folder(Path(paths["stdlib"]))
    yield "site-packages", _folder(Path(paths["purelib"]))
    for package in packages:
        yield package.name.rsplit(".", 1)[0], _wheel(package) if package.suffix == ".whl" else _tarball(package)


def _folder(top: Path) -> Files:
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in {"site-packages", "dist-packages", "__pycache__"})
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_FILE:
                yield path.relative_to(top).as_posix(), path.read_bytes()


def _wheel(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and member.file_size <= LARGEST_FILE:
                yield member.filename, archive.read(member)


def _tarball(path: Path) -> Files:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.size <= LARGEST_FILE and (file := archive.extractfile(member)):
                yield member.name, file.read()


def _keep(top: Path, name: str, data: bytes) -> None:
    """Writes the file if it is text and its name stays inside the folder."""
    parts = PurePosixPath(name).parts
    if name.endswith(LEFT_OUT) or name.startswith("/") or ".." in parts or not _is_text(data):
        return
    path = top.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _is_text(data: bytes) -> bool:
    return bool(data) and b"\0" not in data[:8192]


@dataclass(frozen=True, slots=True)
class Material:
    """What chats are made of."""

    prose: list[str]
    code: list[str]


def write_chats(tree: Path, path: Path) -> int:
    """Writes `CHAT_BYTES` of chats, one a line, and answers how many hold a planted credential."""
    rng = random.Random("chats")
    material = _material(tree, rng)
    size = planted = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for number in range(sys.maxsize):
            if size >= CHAT_BYTES:
                break
            plant = None
            if number % PLANTED_EVERY == PLANTED_EVERY - 1:
                plant = fill(PLANTS[planted % len(PLANTS)], rng, {})
                planted += 1
            # Half of the world's tools escape everything outside ASCII, the other half nothing.
            line = json.dumps(_chat(number, material, plant, rng), ensure_ascii=number % 2 == 0) + "\n"
            out.write(line)
            size += len(line.encode())
    return planted


def _material(tree: Path, rng: random.Random) -> Material:
    prose: list[str] = []
    code: list[str] = []
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        is_prose = path.suffix in {".md", ".rst", ".txt"} or path.name.startswith(("LICENSE", "README"))
        is_code = path.suffix in {".c", ".cpp", ".h", ".java", ".js", ".kt", ".php", ".py", ".ts", ".yml"}
        if not (is_prose or is_code) or (is_code and rng.random() < 0.8) or path.stat().st_size > 400_000:
            continue
        text = path.read_text("utf-8", "replace")
        if is_prose:
            prose += [piece.strip() for piece in text.split("\n\n") if 40 <= len(piece) <= 1500]
        else:
            code += _snippets(text, rng)
    rng.shuffle(prose)
    rng.shuffle(code)
    return Material(prose[:40_000], code[:20_000])


def _snippets(text: str, rng: random.Random) -> Iterator[str]:
    lines = text.splitlines()
    start = 0
    while start < len(lines):
        length = rng.randint(4, 40)
        snippet = "\n".join(lines[start : start + length])
        if 80 <= len(snippet) <= 4000:
            yield snippet
        start += length * 3


def _chat(number: int, material: Material, plant: str | None, rng: random.Random) -> dict[str, object]:
    messages: list[dict[str, object]] = [{"role": "system", "content": rng.choice(material.prose)}]
    for _ in range(rng.randint(1, 4)):
        messages.append({"role": "user", "content": _question(material, rng)})
        if rng.random() < 0.3:
            messages += _tool_call(material, rng)
        messages.append({"role": "assistant", "content": [{"type": "text", "text": _answer(material, rng)}]})
    if plant:
        messages.insert(rng.randint(1, len(messages)), _leak(plant, rng))
    return {"id": f"chat-{number:08d}", "created": 1_760_000_000 + 37 * number, "messages": messages}


def _question(material: Material, rng: random.Random) -> str:
    return f"{rng.choice(material.prose)}\n\n```\n{rng.choice(material.code)}\n```\nWhat does this do?"


def _answer(material: Material, rng: random.Random) -> str:
    return "\n\n".join(rng.choices(material.prose, k=rng.randint(1, 5)))


def _tool_call(material: Material, rng: random.Random) -> list[dict[str, object]]:
    """A call and what the tool said: JSON in a string in JSON, as the wire formats have it."""
    call = f"call_{rng.getrandbits(96):024x}"
    arguments = json.dumps({"path": f"src/{rng.getrandbits(24):x}.py", "lines": rng.randint(1, 400)})
    function = {"name": "read_file", "arguments": arguments}
    output = json.dumps({"ok": True, "content": rng.choice(material.code), "sha": f"{rng.getrandbits(160):040x}"})
    return [
        {"role": "assistant", "tool_calls": [{"id": call, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call, "content": output},
    ]


def _leak(plant: str, rng: random.Random) -> dict[str, object]:
    if rng.random() < 0.5:
        return {"role": "user", "content": f"Here is what I have:\n{plant}\nIs that right?"}
    return {"role": "tool", "tool_call_id": "call_0", "content": json.dumps({"stdout": f"+ deploy\n{plant}\n"})}


def main() -> None:
    options = argparse.ArgumentParser(description="Builds what the benchmarks scan.")
    options.add_argument("--cache", type=Path, required=True, help="a folder outside the repository")
    corpus = build(options.parse_args().cache.resolve(), lambda text: print(text, file=sys.stderr, flush=True))
    print(f"{corpus.files:,} files, {corpus.tree_bytes / 1e6:.0f} MB; chats {corpus.chat_bytes / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
