"""Run the code blocks of README.md, so that what it shows is what works.

    python .ci/readme.py SECTION...

A block belongs to the section that a comment before it names: `<!-- ci: quickstart -->`. Shell
blocks run line by line in bash, Python blocks with the environment's Python.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- ci: (\w+) -->\n```(sh|python)\n(.*?)```", re.DOTALL)


def main() -> None:
    """Run the blocks of the sections that the command line names; stop at the first failure."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    for wanted in sys.argv[1:]:
        found = [(language, code) for section, language, code in blocks if section == wanted]
        if not found:
            sys.exit(f"README.md has no code block of the section {wanted!r}")
        for language, code in found:
            if language == "python":
                run([str(ROOT / ".venv/bin/python"), "-c", code], "the program")
                continue
            for line in code.strip().splitlines():
                run(["bash", "-c", line], line)


def run(command: list[str], title: str) -> None:
    """Run one command, or end the program with its exit status."""
    print(f"$ {title}", flush=True)
    start = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"  [exit {status}, {time.monotonic() - start:.1f} s]", flush=True)
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
