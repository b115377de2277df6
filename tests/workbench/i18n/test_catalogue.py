"""The catalogue is complete: both languages, the same placeholders, no key missing and none unused."""

from __future__ import annotations

import re
import string

import pytest

from workbench.i18n import LANGUAGES, catalogue, language, t, use_language

SOURCES = ("workbench", "widgets", "notebooks")
CJK = re.compile(r"[\u4e00-\u9fff]")
# Characters that exist only in Simplified Chinese and must not slip into Traditional text.
SIMPLIFIED = set("设计数据储运结构层图规则错误读写选择无线时间测试过进这还为与开关发现应该将请问验证书环节点页签项")


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.fixture(scope="module")
def text_of_sources(root):
    files = [f for top in SOURCES for f in (root / top).rglob("*") if f.suffix in (".py", ".ipynb", ".j2")]
    return "\n".join(f.read_text("utf-8") for f in files)


def test_every_sentence_exists_in_every_language():
    missing = [(key, lang) for key, entry in catalogue().items() for lang in LANGUAGES if not entry.get(lang)]
    assert not missing


def test_placeholders_agree():
    differ = [k for k, e in catalogue().items() if placeholders(e["en"]) != placeholders(e["zh-Hant"])]
    assert not differ


def test_chinese_is_traditional():
    wrong = {k: sorted(SIMPLIFIED & set(e["zh-Hant"])) for k, e in catalogue().items()}
    assert not {k: v for k, v in wrong.items() if v}


def test_every_error_rule_has_its_two_sentences():
    rules = {k.removeprefix("error.").rsplit(".", 1)[0] for k in catalogue() if k.startswith("error.")}
    for rule in rules:
        assert f"error.{rule}.what" in catalogue()
        assert f"error.{rule}.fix" in catalogue()


def test_every_key_named_in_the_code_exists(text_of_sources):
    key = r"""["']([a-z_]+(?:\.[A-Za-z0-9_-]+)+)["']"""
    named = set(re.findall(rf"\bt\(\s*f?{key}", text_of_sources))
    named |= set(re.findall(rf"\b(?:say|note|spans|words|caption|Figure)\s*[(=]\s*{key}", text_of_sources))
    raised = re.findall(
        r"""\b(?:RuleViolation|InputError|DomainError|StoreError|RunError|BusyError|MissingToolError)\(\s*["']([a-z_.]+)["']""",
        text_of_sources,
    )
    assert len(raised) > 5
    named |= {f"error.{rule}.what" for rule in raised}
    named = {key for key in named if not key.endswith((".j2", ".html"))}  # file names look like keys
    assert not sorted(named - set(catalogue()))


def test_no_sentence_is_unused(text_of_sources):
    """A key is used when it, or the stem a name is built from (`f"label.{column}"`), occurs in the sources."""
    unused = []
    for key in catalogue():
        core = key.removeprefix("error.").rsplit(".", 1)[0] if key.startswith("error.") else key
        if '+ "_help"' in text_of_sources:
            core = core.removesuffix("_help")  # the help of a control is looked up with its label
        stem, leaf = core.rsplit(".", 1) if "." in core else ("", core)
        built = any(start in text_of_sources for start in (f"{stem}.{{", f'"{stem}." +', f"'{stem}.' +"))
        if core not in text_of_sources and not (built and re.search(rf"\b{re.escape(leaf)}", text_of_sources)):
            unused.append(key)
    assert not unused


def test_the_language_in_force(monkeypatch):
    assert language() == "en"
    monkeypatch.setenv("WORKBENCH_LANG", "zh_TW.UTF-8")
    assert language() == "zh-Hant"
    with use_language("en"):
        assert t("verdict.PASS") == "PASS"
    assert t("verdict.PASS") == "合格"
    assert CJK.search(t("verdict.FAIL"))
