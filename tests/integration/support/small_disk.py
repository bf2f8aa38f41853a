"""A file system of its own for a broker's data, small enough to be filled."""

import os
import subprocess


class SmallDisk:
    def __init__(self, path, size_bytes):
        self.path = path
        self.size_bytes = size_bytes
        self._ballast = path / "ballast"
        self._mounted = False

    def mount(self):
        """Why it can't be mounted, or None."""
        self.path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.size_bytes}", "none", self.path]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return str(error)
        if done.returncode:
            return done.stderr.strip()
        self._mounted = True
        return None

    def unmount(self):
        if self._mounted:
            subprocess.run(["umount", self.path], check=True)
            self._mounted = False

    def free_bytes(self):
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self, but_bytes):
        """A file that leaves so much room."""
        with open(self._ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(self.free_bytes() - but_bytes, 1))

    def remove_ballast(self):
        self._ballast.unlink()
