"""Bringing in lots in a real browser: a column nobody knows is asked for once, and a file adds nothing twice."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from workbench.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TABLE = "wafer,x,y,cd_nm,Spec 7\nW1,0,0,41.5,1.5\nW1,1,0,42.5,2.5\nW1,0,1,43.5,3.5\n"
LATER = "wafer,x,y,cd_nm,Spec 7\nW2,0,0,40.5,1.25\nW2,1,0,40.75,2.25\n"
FIELDS = ".wb-columns :is(select, input), .wb-importing :is(input[type=text], input[type=checkbox], select, button)"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("importing")
    (home / "temporary").mkdir()
    return home


@pytest.fixture(scope="module")
def address(serve, home):
    given = {"WORKBENCH_HOME": str(home), "WORKBENCH_LANG": "en", "TMPDIR": str(home / "temporary")}
    return serve("serve", "--no-browser", **given).wait_for("http://127.0.0.1")


@pytest.fixture
def open_page(browser, address):
    def opened(lang="en"):
        browser.open(f"{address}voila/render/process/lot_import.ipynb?lang={lang}")
        browser.see("body[data-ready]")
        browser.see(".wb-upload-button")
        return Page(browser)

    return opened


class Page:
    """The screen as its user sees it."""

    def __init__(self, browser):
        self.browser, self.driver = browser, browser.driver

    def choose(self, *files):
        field = self.driver.find_element(By.CSS_SELECTOR, ".wb-upload input[type=file]")
        field.send_keys("\n".join(map(str, files)))

    def cards(self):
        return self.driver.find_elements(By.CSS_SELECTOR, ".wb-i-card")

    def until_card(self, number, words):
        self.browser.until(lambda d: any(words in card.text for card in self.cards()[number:number + 1]),
                           f"file {number} says {words!r}")
        return self.cards()[number]

    def named(self, label, within=".wb-importing"):
        """What a screen reader calls `label`."""
        found = [field for field in self.driver.find_elements(By.CSS_SELECTOR, f"{within} :is(input, select, button)")
                 if field.is_displayed() and field.accessible_name == label]  # fmt: skip
        assert found, label
        return found[-1]

    def press(self, label):
        self.named(label).send_keys(Keys.ENTER)

    def type(self, label, words):
        self.browser.fill(self.named(label), words)


def test_a_column_is_asked_for_once_and_a_file_adds_nothing_twice(open_page, browser, home, tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(TABLE)
    second.write_text(LATER)
    page = open_page()

    page.choose(first)
    page.until_card(0, "Columns that are not known (1): Spec 7.")
    rows = browser.see(".wb-columns tbody tr", count=5)
    assert rows[0].find_element(By.TAG_NAME, "th").text == "Spec 7\n? not known"
    assert rows[0].find_element(By.CSS_SELECTOR, ".values").text == "1.5 · 2.5 · 3.5"
    Select(page.named("Spec 7: What it is")).select_by_visible_text("readings of a parameter")
    page.type("Spec 7: Parameter", "Vth")
    page.type("Spec 7: Unit", "mV")
    page.type("Spec 7: Upper limit", "3.0")
    page.press("Read with these answers")
    page.until_card(0, "6 readings of 2 parameters")
    assert Store.open(home / "workbench.duckdb").lots.list() == []  # shown, not yet taken
    page.type("Lot", "A17")
    page.until_card(0, "A new lot will be made.")
    page.press("Import what is ready")
    card = page.until_card(0, "Added to lot A17.")
    assert "SHA-256" in card.text
    assert card.find_element(By.LINK_TEXT, "Review lot A17").get_attribute("href").endswith(
        "/voila/render/process/lot_review.ipynb?lot_id=A17&lang=en")  # fmt: skip

    store = Store.open(home / "workbench.duckdb")
    lot = store.lots.lot("A17")
    assert lot["parameters"] == ["Vth", "cd"]
    (limits,) = [row for row in store.lots.specifications("A17") if row["parameter"] == "Vth"]
    assert (limits["unit"], limits["upper"]) == ("mV", 3.0)
    assert len(store.lots.measurements("A17")) == 6

    page.choose(first)
    page.until_card(1, "as they were answered earlier")
    page.press("Import what is ready")
    page.until_card(1, "this import adds nothing")

    page.choose(second)
    page.until_card(2, "4 readings of 2 parameters")
    page.press("Import what is ready")
    page.until_card(2, "Added to lot A17.")
    assert len(store.lots.measurements("A17")) == 10
    assert len(store.lots.imports("A17")) == 2
    assert browser.outside() == []
    assert browser.complaints() == []


def test_a_refused_file_says_why_and_keeps_the_others(open_page, browser, tmp_path):
    bad, big = tmp_path / "scan.klarf", tmp_path / "long.csv"
    bad.write_text("FileVersion 1 2;\nLotID A;\n")
    big.write_text("wafer,x,y,cd_nm\n" + "".join(f"W1,{i % 400},{i // 400},{i % 97}.5\n" for i in range(160_000)))
    assert big.stat().st_size > 2_000_000  # several pieces
    page = open_page("zh-Hant")
    page.choose(bad, big)
    refused = page.until_card(0, "已拒絕")
    for words in ("檔案在結束紀錄之前中斷", "位置", "scan.klarf", "下一步"):
        assert words in refused.text
    assert "/" not in refused.find_element(By.CSS_SELECTOR, "dl").text  # where it lay meanwhile is nobody's business
    page.until_card(1, "160,000")
    page.type("批號", "B2")
    page.press("匯入已就緒的檔案")
    page.until_card(1, "已加入批次 B2。")


def test_it_can_be_worked_with_the_keyboard_and_everything_has_a_name(open_page, browser, tmp_path):
    file = tmp_path / "keys.csv"
    file.write_text("qq,zz\nW1,4.5\nW2,5.5\n")
    page = open_page()
    page.choose(file)
    page.until_card(0, "Columns that are not known (2): qq, zz.")
    browser.see(".wb-columns select", count=2)
    shown = [field for field in page.driver.find_elements(By.CSS_SELECTOR, FIELDS) if field.is_displayed()]
    assert len(shown) > 15
    assert not [field.get_attribute("outerHTML") for field in shown if not field.accessible_name]
    page.driver.find_element(By.CSS_SELECTOR, ".wb-upload-button").send_keys(Keys.TAB)
    met = set()
    for _ in range(40):
        focused = page.driver.switch_to.active_element
        met.add(focused.accessible_name)
        focused.send_keys(Keys.TAB)
    assert met >= {"qq: What it is", "zz: Parameter", "zz: Upper limit", "Carrier", "Read with these answers",
                   "Remember for files like this", "Take off the page", "Import what is ready"}  # fmt: skip
    Select(page.named("qq: What it is")).select_by_visible_text("serial number of the part")
    page.press("Read with these answers")
    page.until_card(0, "2 readings of 1 parameters")
    page.press("Import what is ready")
    page.until_card(0, "The file names no lot")
    page.press("Take off the page")
    browser.until(lambda d: page.cards() == [], "the page is empty again")


def test_nothing_of_the_uploads_stays_on_the_disk(browser, home):
    """Leaving a page ends its kernel, and with it what was sent to it."""
    browser.driver.get("about:blank")
    left = home / "temporary"
    browser.until(lambda d: not list(left.glob("workbench-upload-*")), "the folders of uploads are gone")
