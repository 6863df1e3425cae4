"""Pages: everything is escaped, complete, and in one file."""

import pytest
from jinja2 import UndefinedError

from orienteer.draw.pages import page_environment, png_size, render

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 8 + (3).to_bytes(4, "big") + (2).to_bytes(4, "big")

PAGE = """
{% extends "page.html.j2" %}
{% import "parts.html.j2" as parts %}
{% set sections = [("here", "Here & there")] %}
{% block title %}{{ story.title }}{% endblock %}
{% block body %}
{% call parts.table(story.title, [story.title, story.title], words=[1]) %}
{{ parts.rows([[story.title, story.title]], [1]) }}
{% endcall %}
{% call parts.figure(story.title, story.title, story.png) %}{{ story.title }}{% endcall %}
{% call parts.strip(story.title, [(3, story.png)]) %}{{ story.title }}{% endcall %}
{% call parts.notice() %}{{ story.title }}{% endcall %}
{% endblock %}
"""


def page(title: str) -> str:
    return page_environment("orienteer.draw").from_string(PAGE).render(story={"title": title, "png": PNG})


def test_whatever_comes_from_files_is_escaped_once() -> None:
    html = page('<b onclick="x">&')
    assert "<b onclick" not in html
    assert html.count("&lt;b onclick=&#34;x&#34;&gt;&amp;") > 10
    assert "&amp;lt;" not in html


def test_a_page_is_whole() -> None:
    html = page("Title")
    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert "<title>Title</title>" in html
    assert '<a href="#here">Here &amp; there</a>' in html
    assert "max-width: 70rem" in html  # the style sheet is in the page
    assert 'width="3" height="2" style="max-width:3px"' in html
    assert '<th scope="row">Title</th>' in html
    assert '<td class="words">Title</td>' in html
    assert "after step 3" in html


def test_a_name_that_the_story_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'dict object' has no attribute 'missing'"):
        page_environment("orienteer.draw").from_string("{{ story.missing }}").render(story={})


def test_a_template_is_found_in_its_package_or_in_the_shared_ones() -> None:
    with pytest.raises(UndefinedError, match="sections"):
        render("orienteer.report", "page.html.j2", {})


def test_the_size_of_a_picture_is_read_from_the_file() -> None:
    assert png_size(PNG) == {"width": 3, "height": 2}
