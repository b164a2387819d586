"""Formulas as MathML, which browsers draw by themselves, so that the pages need no network and no script."""

from docutils.nodes import Element, SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def _draw(page: HTML5Translator, node: Element, *, as_block: bool) -> None:
    """Write a formula of TeX; one that docutils cannot read is a warning, and stands as it is written."""
    try:
        drawn = tex2mathml(node.astext(), as_block=as_block)
        page.body.append(drawn.replace(">/</mo>", ' lspace="0em" rspace="0em">/</mo>'))  # 2/π without gaps
    except MathError as error:
        logger.warning("cannot draw %s: %s", node.astext(), error, location=node)
        page.body.append(page.starttag(node, "code", "") + page.encode(node.astext()) + "</code>")
    raise SkipNode


def _draw_in_line(page: HTML5Translator, node: Element) -> None:
    _draw(page, node, as_block=False)


def _draw_block(page: HTML5Translator, node: Element) -> None:
    page.body.append(page.starttag(node, "div", "", CLASS="formula"))
    try:
        _draw(page, node, as_block=True)
    finally:
        page.body.append("</div>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer "mathml"."""
    app.add_html_math_renderer("mathml", inline_renderers=(_draw_in_line, None), block_renderers=(_draw_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
