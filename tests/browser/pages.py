"""Pages of the dashboard in the browser: opened by address, waited for, looked at in light and dark."""

from collections.abc import Sequence
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

PICTURES = Path(__file__).parents[2] / "test-pictures"
PAGES = ["distributions", "bound", "methods", "train", "dumps"]
CHARTS = {
    "distributions": ["dist_joint"],
    "bound": ["bound_scale"],
    "methods": ["methods_joint"],
    "train": ["train_figure2"],
    "dumps": ["dumps_overview"],
}  # fmt: skip
ON_REQUEST = {
    "distributions": {"dist_statistics": [], "dist_pot": []},
    "bound": {
        "bound_worst": ["bound_directions"],
        "bound_sum": ["bound_parts"],
        "bound_estimates": ["bound_convergence"],
        "bound_check": ["bound_pot"],
        "bound_gradients": ["bound_influence"],
        "bound_timing": ["bound_cost"],
    },
    "methods": {
        "methods_removed": ["methods_parts"],
        "methods_changes": [],
        "methods_follow_vcl": ["methods_flow_vcl"],
        "methods_follow_per": ["methods_flow_per"],
        "methods_small": ["methods_trap"],
        "methods_compare": ["methods_overlay"],
    },
    "train": {
        "train_learning": ["train_progress"],
        "train_layer": ["train_distances"],
        "train_conditioning": ["train_conditions"],
        "train_shapes": ["train_densities_0"],
        "train_table": [],
        "train_compared": [],
    },
    "dumps": {"dumps_look": []},
}  # sections that are opened by their key in the address, and the charts in each
OFTEN = 20  # ms between two looks: Playwright looks for what it expects twice a second, and every test waits here
IS_DRAWN = """key => {
    const found = document.querySelectorAll(`[data-chart="${key}"]`)
    return found.length === 1 && found[0].getAttribute("aria-busy") === "false"
}"""
IS_IDLE = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning"
    && !document.querySelector('[data-testid="stSkeleton"]')"""
COLOURS = """() => [
    getComputedStyle(document.querySelector('h1')).color,
    ...Array.from(document.querySelectorAll('[data-chart]'), plot => plot._fullLayout?.font.color),
]"""


def asked(name: str) -> dict[str, str]:
    """What the address of a page says that opens all its sections on request."""
    return dict.fromkeys(ON_REQUEST.get(name, {}), "true")


def all_charts(name: str) -> list[str]:
    """The charts of a page that has all its sections open."""
    return CHARTS[name] + [key for own in ON_REQUEST.get(name, {}).values() for key in own]


def chart(page: Page, key: str) -> Locator:
    return page.locator(f'[data-chart="{key}"]')


def drawn_chart(page: Page, key: str) -> Locator:
    """A chart once plotly has drawn it: before that the element has no data to ask for."""
    page.wait_for_function(IS_DRAWN, arg=key, polling=OFTEN)
    return chart(page, key)


def open_page(page: Page, server: str, name: str, query: str = "", charts: Sequence[str] | None = None) -> None:
    """Open a page and wait until it is complete: these charts of it, or those that it has by itself, are drawn."""
    page.goto(f"{server}/{name}?{query}")
    wait_until_drawn(page, CHARTS[name] if charts is None else charts)


def wait_until_drawn(page: Page, charts: Sequence[str]) -> None:
    for key in charts:
        drawn_chart(page, key)
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    page.wait_for_function(IS_IDLE, polling=OFTEN)


def change_theme(page: Page, theme: str) -> None:
    """Prefer the other one of light and dark, and wait until the text and every chart have changed colour."""
    before = page.evaluate(COLOURS)
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(
        f"before => ({COLOURS})().every((now, i) => now !== before[i] || before[i] === undefined)", arg=before
    )


def assert_fits(page: Page) -> None:
    """No error is shown, and nothing is wider than the window."""
    assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


NOTHING_FADES = """() => !document.getAnimations().some(
    (one) => one instanceof CSSTransition && one.transitionProperty === "opacity" && one.playState === "running")"""


def assert_accessible(page: Page) -> None:
    """axe-core finds no violation that is critical, serious or moderate.

    Of tables, which are canvases, it reads the table that stands inside of them. What plotly draws is left out: a chart
    is one figure with a description, and its colours are tested with the theme.
    """
    page.wait_for_function(NOTHING_FADES)  # what was stale a moment ago is still paler than it will be
    found = Axe().run(page, {"exclude": [".main-svg"]}).response["violations"]
    grave = [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        if one["impact"] != "minor"
        for node in one["nodes"]
    ]
    assert grave == [], "\n".join([page.url, *grave])


def look_at_both_themes(page: Page, name: str) -> None:
    """The whole page in light and in dark: open to everybody, and kept as NAME-light.png and NAME-dark.png."""
    page.set_viewport_size({"width": 1280, "height": 900})
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": height + 20})
    PICTURES.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        if theme == "dark":
            change_theme(page, theme)
        page.screenshot(path=PICTURES / f"{name}-{theme}.png", animations="disabled")
        assert_accessible(page)
