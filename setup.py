"""Describe the package by its README, with links that work where the other files of the repository are not at hand.

All else stands in pyproject.toml. Links and pictures there lead to the repository, whose address is `Source` in
`[project.urls]`; as long as there is none, pictures are left out, and links keep their text.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def with_links_to(source: str, page: str) -> str:
    """Make the relative links of a page in Markdown absolute."""

    def absolute(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        if re.match("https?:|#", target):
            return link[0]
        if not source:
            return "" if picture else text
        return f"{picture}[{text}]({source}/{'raw' if picture else 'blob'}/HEAD/{target})"  # as on GitHub and GitLab

    return re.sub(r"(!?)\[([^]]*)\]\(([^)\s]+)\)", absolute, page)


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=with_links_to(
            project.get("urls", {}).get("Source", "").rstrip("/"), (ROOT / "README.md").read_text(encoding="utf-8")
        ),
        long_description_content_type="text/markdown",
    )
