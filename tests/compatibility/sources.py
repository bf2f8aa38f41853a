"""Where the client libraries' tests come from: the registries of their languages, through their own
programs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.broker import REPOSITORY

SOURCES = REPOSITORY / "build/compatibility"


def unpacked(name, download):
    """A folder below build/ with what `download(folder)` put there; it is called once."""
    folder = SOURCES / name
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            download(folder)
        except (subprocess.SubprocessError, OSError) as error:
            if not os.environ.get("LEPUS_SKIP_UNFETCHED"):
                raise
            pytest.skip(f"{name} can't be fetched: {error}")
        (folder / "complete").touch()
    return folder


def source_of_python_package(name, version, needed=()):
    """The source distribution from PyPI, unpacked. What its tests need besides what this Python
    environment has is put into the folder `needed` beside it."""

    def download(folder):
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        options = {"cwd": folder, "check": True, "timeout": 300}
        source = ["--no-binary", name, f"{name}=={version}"]
        subprocess.run([*pip, "download", "--no-deps", *source], **options)
        if needed:
            subprocess.run([*pip, "install", "--no-deps", "--target", "needed", *needed], **options)
        shutil.unpack_archive(folder / f"{name}-{version}.tar.gz", folder)

    return unpacked(f"{name}-{version}", download) / f"{name}-{version}"


def source_of_node_package(name, version, needed):
    """The package from npm, unpacked, with what its tests need besides."""

    def download(folder):
        npm = {"cwd": folder, "check": True, "timeout": 300, "stdout": subprocess.DEVNULL}
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], **npm)
        shutil.unpack_archive(folder / f"{name}-{version}.tgz", folder)
        npm["cwd"] = folder / "package"
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *needed], **npm)

    return unpacked(f"{name}-{version}", download) / "package"


def source_of_go_module(module, version):
    """A writable copy of the module's source, through the Go module proxy."""
    name = "-".join(module.split("/")[1:])

    def download(folder):
        answer = subprocess.run(
            ["go", "mod", "download", "-json", f"{module}@{version}"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=180,
            cwd="/",
            check=True,
        )
        shutil.copytree(json.loads(answer.stdout)["Dir"], folder / "source")
        for path in [folder / "source", *(folder / "source").rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)

    return unpacked(f"{name}-{version}", download) / "source"


def source_of_crate(name, version):
    """A copy of the crate's source, through cargo."""

    def download(folder):
        asking = folder / "asking"
        (asking / "src").mkdir(parents=True)
        (asking / "src/lib.rs").touch()
        (asking / "Cargo.toml").write_text(
            f'[package]\nname = "asking"\n[dependencies]\n{name} = "={version}"\n'
        )
        answer = subprocess.run(
            ["cargo", "metadata", "--quiet", "--format-version=1"],
            stdout=subprocess.PIPE,
            timeout=180,
            cwd=asking,
            check=True,
        )
        packages = json.loads(answer.stdout)["packages"]
        manifest = next(each["manifest_path"] for each in packages if each["name"] == name)
        shutil.copytree(Path(manifest).parent, folder / "source")

    return unpacked(f"{name}-{version}", download) / "source"


def source_of_debian_package(name, version, digest, suffix="gz"):
    """The library's own source as Debian keeps it, from the mirror that this machine installs
    from. `digest` is its SHA-256."""

    def download(folder):
        listing = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
        mirrors = subprocess.run(listing, stdout=subprocess.PIPE, text=True, check=True).stdout
        mirror = next((each for each in mirrors.split() if each.rstrip("/").endswith("/debian")), "")
        if not mirror:
            raise OSError("this machine does not install from a mirror of Debian")
        area = name[:4] if name.startswith("lib") else name[0]
        archive = f"{name}_{version}.orig.tar.{suffix}"
        address = f"{mirror}pool/main/{area}/{name}/{archive}"
        helper = ["/usr/lib/apt/apt-helper", "download-file", address, folder / archive]
        subprocess.run(helper, check=True, timeout=180, stdout=subprocess.DEVNULL)
        found = hashlib.sha256((folder / archive).read_bytes()).hexdigest()
        assert found == digest, f"{archive} has the digest {found}"
        shutil.unpack_archive(folder / archive, folder / "source")

    folder = unpacked(f"{name}-{version}", download) / "source"
    return next(path for path in folder.iterdir() if path.is_dir())
