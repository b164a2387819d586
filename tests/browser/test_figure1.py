"""The page that opens shows a computed Figure 1."""

from playwright.sync_api import Page, expect


def test_the_dashboard_opens_on_the_four_drawn_distributions(page: Page, server: str) -> None:
    page.goto(server)
    chart = page.locator('[data-chart="dist_joint"]')
    expect(chart).to_have_attribute("aria-busy", "false")
    drawn = chart.evaluate("plot => plot.data.map(trace => [trace.type, trace.meta])")
    contours = [title for kind, title in drawn if kind == "contour"]
    assert contours == ["(a) isotropic", "(b) correlated", "(c) skewed", "(d) bimodal"]
    # filled shapes are really on the page, not only in the figure's data
    assert chart.locator("g.contourlayer path").count() >= 4 * 9
    # beside the sidebar the panels stand in two rows; in one row, without it, nothing is left empty below them
    height = "plot => plot.offsetHeight"
    beside = chart.evaluate(height)
    page.set_viewport_size({"width": 1000, "height": 900})
    page.wait_for_function("before => document.querySelector('[data-chart]').offsetHeight > before", arg=beside)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("before => document.querySelector('[data-chart]').offsetHeight === before", arg=beside)
